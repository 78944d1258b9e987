"""Webhooks of four carriers: stored once, answered with 200, opened; bad ones get one line."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as some

from tests.receiving import (
    DEV_EUI,
    IMEI,
    NEW,
    TOKEN,
    WEBHOOKS,
    Server,
    a_desk,
    a_message,
    rockblock,
    tts,
)
from trapnode.receive.deliveries import MAX_BODY
from trapnode.receive.units import RockBlockApi

FORM = {"headers": {"content-type": "application/x-www-form-urlencoded"}}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.mark.parametrize("carrier", WEBHOOKS)
def test_a_webhook_is_stored_and_opened(server: Server, carrier: str) -> None:
    webhook, key = WEBHOOKS[carrier]
    assert server.taken(carrier, webhook(a_message(5, 41, 42, key=key))) == "stored"
    assert server.fates() == ["opened"]
    assert server.observed() == [41, 42]
    row = server.database.row("SELECT carrier, number, network_at FROM arrival")
    assert row is not None
    assert row[:2] == (carrier, 1)
    assert str(row[2]).startswith("2026-11-22T04:30:0")


@pytest.mark.parametrize("carrier", WEBHOOKS)
def test_the_same_webhook_again_is_the_same_row(server: Server, carrier: str) -> None:
    webhook, key = WEBHOOKS[carrier]
    assert server.taken(carrier, webhook(a_message(5, key=key))) == "stored"
    assert server.taken(carrier, webhook(a_message(5, key=key))) == "had it"
    assert server.fates() == ["opened"]


def test_rockblock_may_send_a_form(server: Server) -> None:
    body = (
        f"imei={IMEI}&serial=12345&momsn=12&transmit_time=26-11-22+04%3A30%3A05"
        f"&iridium_latitude=52.3&iridium_cep=8&data={a_message(5).hex()}"
    )
    assert server.post("rockblock", body.encode(), **FORM).status_code == 200
    row = server.database.row("SELECT number, network_at, fate FROM arrival")
    assert row == (12, "2026-11-22T04:30:05.000000Z", "opened")


@pytest.mark.parametrize("time", ["2026-11-22T04:30:05Z", "yesterday", "", None, 7, {}])
def test_a_time_in_another_spelling_costs_no_message(server: Server, time: object) -> None:
    server.taken("rockblock", rockblock(a_message(5), transmit_time=time))
    assert server.fates() == ["opened"]


@pytest.mark.parametrize(
    ("carrier", "told", "query"),
    [
        ("rockblock", rockblock(b""), ""),
        ("tts", {"end_device_ids": {"dev_eui": DEV_EUI}, "join_accept": {}}, ""),
        ("tts", tts(b""), ""),
        ("chirpstack", {"deviceInfo": {"devEui": DEV_EUI}, "margin": 10}, "event=status"),
        ("chirpstack", {"time": "2026-11-22T04:30:05Z"}, "event=log"),
    ],
)
def test_what_carries_no_message_is_answered_and_left(
    server: Server, carrier: str, told: object, query: str
) -> None:
    answer = server.post(carrier, told, query_string=query)
    assert (answer.status_code, answer.text) == (200, "nothing of a unit in it\n")
    assert server.fates() == []


@pytest.mark.parametrize(
    ("carrier", "told", "says"),
    [
        ("rockblock", b"", "JSON: "),
        ("rockblock", b"{", "JSON: "),
        ("rockblock", b"[" * 60_000, "JSON: "),
        ("rockblock", b'{"imei":' + b'{"a":' * 9_000, "JSON: "),
        ("rockblock", b'"\xff"', "JSON: "),
        ("rockblock", {"imei": IMEI}, "JSON: Object missing required field `momsn`"),
        ("rockblock", rockblock(b"1", modem="x"), "imei 'x': is none"),
        ("rockblock", rockblock(b"1", momsn=65536), "momsn '65536': 0 to 65535"),
        ("rockblock", rockblock(b"1", momsn=-1), "momsn '-1': 0 to 65535"),
        ("rockblock", rockblock(b"1", data="xy"), "data: not hex: "),
        ("rockblock", rockblock(bytes(341)), "message of 341 bytes: at most 340 are possible"),
        ("cloudloop", {"identity": {}}, "IMEI '': is none"),
        ("tts", tts(b"1", modem="1"), "end_device_ids.dev_eui '1': is none"),
        ("chirpstack", {"deviceInfo": {"devEui": DEV_EUI}, "data": "!"}, "data: not base64: "),
    ],
)
def test_a_bad_webhook_gets_400_and_one_line(
    server: Server, carrier: str, told: object, says: str
) -> None:
    answer = server.post(carrier, told)
    assert answer.status_code == 400
    assert answer.text.startswith(says)
    assert answer.text.count("\n") == 1
    assert server.fates() == []


def test_a_form_with_a_field_twice_is_refused(server: Server) -> None:
    answer = server.post("rockblock", b"imei=1&imei=2", **FORM)
    assert (answer.status_code, answer.text) == (400, "form: a field is there twice\n")


def test_a_body_that_is_too_long_is_refused_unread(server: Server) -> None:
    assert server.post("tts", b" " * (MAX_BODY + 1)).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json5", "image/jpeg"])
def test_another_content_type_is_refused(server: Server, kind: str) -> None:
    answer = server.post("tts", tts(b"1"), headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.text


def test_a_content_type_may_have_parameters(server: Server) -> None:
    kind = {"content-type": "Application/JSON; charset=utf-8"}
    assert server.post("rockblock", rockblock(a_message(5)), headers=kind).status_code == 200


@pytest.mark.parametrize(
    "path", ["/rockblock", "/wrong/rockblock", f"/{TOKEN}/other", "/", "/a/b/c"]
)
def test_without_the_token_there_is_nothing(tmp_path: Path, path: str) -> None:
    server = Server(tmp_path, a_desk(token=TOKEN))
    body = json.dumps(rockblock(a_message(5)))
    json_ = {"content-type": "application/json"}
    assert server.client.simulate_post(path, body=body, headers=json_).status_code == 404
    assert server.client.simulate_get(f"/{TOKEN}/rockblock").status_code == 405
    assert server.post("rockblock", body.encode()).status_code == 200


def a_key() -> tuple[rsa.RSAPrivateKey, str]:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, pem.decode()


def signed(told: dict[str, object], key: rsa.RSAPrivateKey, **claims: object) -> dict[str, object]:
    """Sign as Ground Control does: each field again, as text."""
    said = {name: str(value) for name, value in told.items()}
    token = jwt.encode(said | {"iss": "Rock 7", "iat": 1} | claims, key, algorithm="RS256")
    return told | {"JWT": token}


def test_with_the_public_key_configured_only_signed_webhooks_are_taken(tmp_path: Path) -> None:
    private, public = a_key()
    other, _ = a_key()
    server = Server(tmp_path, a_desk(rockblock=RockBlockApi(public_key=public)))
    told = rockblock(a_message(5))
    refused = [
        told,
        told | {"JWT": "a.b.c"},
        signed(told, other),
        signed(told, private, imei="300234010753371"),
        signed(told, private, momsn="2"),
        signed(told, private, data="00"),
        told | {"JWT": jwt.encode({"imei": IMEI}, public.encode()[:64], algorithm="HS256")},
        told | {"JWT": jwt.encode({"imei": IMEI}, None, algorithm="none")},
    ]
    for each in refused:
        answer = server.post("rockblock", each)
        assert answer.status_code == 403, each
        assert answer.text.startswith("JWT: ")
    assert server.fates() == []
    assert server.post("rockblock", signed(told, private)).status_code == 200
    assert server.fates() == ["opened"]


def test_a_signed_webhook_is_as_true_a_day_later(tmp_path: Path) -> None:
    private, public = a_key()
    server = Server(tmp_path, a_desk(rockblock=RockBlockApi(public_key=public)))
    told = signed(rockblock(a_message(5)), private, exp=1, iat=9_999_999_999)
    assert server.post("rockblock", told).status_code == 200


def test_a_database_that_refuses_has_the_carrier_try_again(server: Server) -> None:
    server.database.close()
    answer = server.post("rockblock", rockblock(a_message(5)))
    assert (answer.status_code, answer.text) == (503, "not stored, try again\n")
    assert answer.headers["retry-after"] == "60"


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=10,
)
FIELDS = [
    *("imei", "momsn", "data", "transmit_time", "JWT", "identity", "hardware", "sbd", "message"),
    *("receivedAt", "end_device_ids", "dev_eui", "uplink_message", "frm_payload", "f_cnt"),
    *("deviceInfo", "devEui", "fCnt", "time", "received_at"),
]
NEAR = some.recursive(
    JSON | some.sampled_from([IMEI, DEV_EUI, "AA==", "00", 1]),
    lambda inner: some.dictionaries(some.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Give one server for thousands of webhooks; it wants signatures, by a key that is none."""
    desk = a_desk(rockblock=RockBlockApi(public_key="no key"))
    return Server(tmp_path_factory.mktemp("lasting"), desk)


BODIES = some.binary(max_size=500) | NEAR.map(lambda told: json.dumps(told).encode())


@given(carrier=some.sampled_from([*WEBHOOKS]), body=BODIES, form=some.booleans())
def test_no_bytes_make_it_fail(lasting: Server, carrier: str, body: bytes, form: bool) -> None:
    answer = lasting.post(carrier, body, **(FORM if form else {}))
    assert answer.status_code in (200, 400, 403, 415)
    assert answer.text.count("\n") == 1


@given(changes=some.dictionaries(some.sampled_from(FIELDS), JSON))
def test_no_field_makes_it_fail(lasting: Server, changes: dict[str, object]) -> None:
    for carrier, (webhook, key) in WEBHOOKS.items():
        answer = lasting.post(carrier, webhook(a_message(5, key=key)) | changes)
        assert answer.status_code in (200, 400, 403)


def test_the_key_of_a_card_is_in_no_answer_and_no_repr(server: Server) -> None:
    assert NEW.key.hex() not in repr(server.desk)
    assert repr(NEW.key) not in repr(server.desk)
