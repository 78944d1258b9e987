"""Carriers: their APIs, what they refuse, and what is asked of them again."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import falcon
import pytest

from tests.receiving import IMEI, NEW, Server, a_desk, a_message
from tests.test_receive_downlinks import Folder
from trapnode.message.downlink import Ack, SendStatus, pack_commands, read_commands
from trapnode.message.sealing import open_downlink
from trapnode.receive.joining import acks_of
from trapnode.receive.units import ChirpStackApi, RockBlockApi, TtsApi, Unit


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Api:
    """A carrier's HTTP API that writes down what it is asked, and answers what its script says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.answer = (200, "{}")
        app = falcon.App()
        app.add_sink(self._take)
        self._server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Api":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, req: falcon.Request, resp: falcon.Response) -> None:
        body = req.bounded_stream.read()
        headers = {name.lower(): value for name, value in req.headers.items()}
        self.asked.append((req.method, req.relative_uri, headers, body and json.loads(body)))
        resp.status, resp.text = self.answer


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as each:
        yield each


def told(server: Server, unit: Unit) -> tuple[str, str]:
    row = server.database.row("SELECT state, reason FROM downlink ORDER BY id DESC LIMIT 1")
    assert row is not None
    return str(row[0]), str(row[1])


def by(tmp_path: Path, carrier: str, **desk: Any) -> Folder:
    folder = Folder(tmp_path, carrier=carrier, ack_hours=0.0)
    folder.server.desk = a_desk(folder.unit, **desk)
    folder.hear(a_message(1))
    return folder


def test_rockblock_takes_a_downlink(tmp_path: Path, api: Api) -> None:
    settings = RockBlockApi("me", "p&ss", url=f"{api.url}/rockblock/MT")
    folder = by(tmp_path, "rockblock", rockblock=settings)
    api.answer = (200, "OK,4114651")
    assert folder.send() == 1
    folder.hear(a_message(2))
    assert folder.send(timedelta(hours=1)) == 1
    uris = [uri for _, uri, _, _ in api.asked]
    assert uris[0].startswith(f"/rockblock/MT?imei={IMEI}&username=me&password=p%26ss&data=18")
    assert [uri.endswith("&flush=yes") for uri in uris] == [False, True]
    assert told(folder.server, folder.unit) == ("sent", "4114651")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("FAILED,10,Invalid login credentials", "attempted"),
        ("FAILED,13,Your account has insufficient credit", "attempted"),
        ("FAILED,15,Data too long", "refused"),
        ("FAILED,99,System Error", "attempted"),
        ("<html>", "attempted"),
        ("", "attempted"),
    ],
)
def test_rockblock_may_say_no(tmp_path: Path, api: Api, answer: str, state: str) -> None:
    settings = RockBlockApi("me", "secret", url=f"{api.url}/MT")
    folder = by(tmp_path, "rockblock", rockblock=settings)
    api.answer = (200, answer)
    assert folder.send() == 0
    found, reason = told(folder.server, folder.unit)
    assert found == state
    assert "secret" not in reason


def test_a_command_in_the_carriers_queue_is_not_flushed_away(tmp_path: Path, api: Api) -> None:
    folder = by(tmp_path, "rockblock", rockblock=RockBlockApi("me", "p", url=f"{api.url}/MT"))
    api.answer = (200, "OK,1")
    folder.ask(SendStatus())
    folder.send()
    folder.hear(a_message(2))
    folder.send(timedelta(hours=1))
    assert not any(uri.endswith("flush=yes") for _, uri, _, _ in api.asked)


def test_the_things_stack_takes_a_downlink(tmp_path: Path, api: Api) -> None:
    settings = TtsApi(api.url, "park", "wh", "NNSXS.KEY")
    folder = by(tmp_path, "tts", tts=settings)
    assert folder.send() == 1
    folder.hear(a_message(2))
    assert folder.send(timedelta(hours=1)) == 1
    path = "/api/v3/as/applications/park/webhooks/wh/devices/al07/down"
    assert [uri for _, uri, _, _ in api.asked] == [f"{path}/push", f"{path}/replace"]
    _, _, headers, body = api.asked[0]
    assert headers["authorization"] == "Bearer NNSXS.KEY"
    (downlink,) = body["downlinks"]
    assert downlink["f_port"] == 2
    _, opened = open_downlink(base64.b64decode(downlink["frm_payload"]), NEW, 0)
    assert read_commands(opened) == (Ack(1, 0),)


def test_chirpstack_takes_a_downlink(tmp_path: Path, api: Api) -> None:
    folder = by(tmp_path, "chirpstack", chirpstack=ChirpStackApi(api.url, "KEY"))
    api.answer = (200, '{"id": "1bbcab1d"}')
    assert folder.send() == 1
    folder.hear(a_message(2))
    assert folder.send(timedelta(hours=1)) == 1
    assert [method for method, _, _, _ in api.asked] == ["POST", "DELETE", "POST"]
    _, uri, headers, body = api.asked[0]
    assert uri == f"/api/devices/{IMEI}/queue"
    assert headers["grpc-metadata-authorization"] == "Bearer KEY"
    assert body["queueItem"]["fPort"] == 2
    assert told(folder.server, folder.unit) == ("sent", "1bbcab1d")


@pytest.mark.parametrize(
    ("code", "state"), [(400, "refused"), (401, "attempted"), (503, "attempted")]
)
def test_an_http_error_is_told(tmp_path: Path, api: Api, code: int, state: str) -> None:
    folder = by(tmp_path, "tts", tts=TtsApi(api.url, "park", "wh", "NNSXS.KEY"))
    api.answer = (code, "no such device")
    assert folder.send() == 0
    assert told(folder.server, folder.unit) == (state, f"HTTP {code}: no such device")


def test_no_network_is_no_end(tmp_path: Path) -> None:
    settings = RockBlockApi("me", "secret", url="http://127.0.0.1:9/MT")
    folder = by(tmp_path, "rockblock", rockblock=settings)
    assert folder.send() == 0
    state, reason = told(folder.server, folder.unit)
    assert state == "attempted"
    assert "secret" not in reason


def test_acks_reach_far_enough_back_for_what_an_earlier_ack_told_or_lost():
    counters = [each for each in range(250, 0, -1) if each % 10]
    acks = acks_of(counters)
    assert [each.highest for each in acks] == [249, 184, 119]
    said = {each for each in range(55, 250) if any(ack.arrived(each) for ack in acks)}
    assert said == {each for each in counters if each >= 55}
    assert len(pack_commands(acks)) <= 39
