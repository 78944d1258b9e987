"""What the desk sees: previews, overview, exports, the units file, a person's words."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from tests.fakes import NOON
from tests.receiving import (
    IMEI,
    NEW,
    OLD,
    Server,
    a_desk,
    a_message,
    a_unit,
    lingo,
    rockblock,
)
from trapnode.age import Opener, Sealer, new_key
from trapnode.errors import ConfigError, UsageError
from trapnode.message import Faults, Fragment, Status, pack_fragment, pack_status
from trapnode.message.downlink import Reboot, SendPreview, SendStatus, Set, SetTime
from trapnode.message.sealing import seal, seal_card_failed
from trapnode.model import ClockTrust, MessageKind, WakeReason
from trapnode.receive.downlinks import Downlinks
from trapnode.receive.export import observed, places, write_csv, write_geojson
from trapnode.receive.overview import as_json, asked_of, in_words, overviews
from trapnode.receive.previews import ask_missing, previews, write_previews
from trapnode.receive.units import TEMPLATE, Card, read
from trapnode.receive.watching import Watched
from trapnode.receive.wording import command_of
from trapnode.words import Stage

DEPLOYMENTS = """
[project]
title = "Leopards"
samplingDesign = "targeted"
contributors = [{ title = "A", role = "contact" }]
licenses = [{ name = "CC0-1.0", scope = "data" }, { name = "CC0-1.0", scope = "media" }]
[[deployment]]
unit = "AL07"
deploymentID = "K07"
latitude = 43.123456
longitude = 131.654321
deploymentStart = 2026-11-01T00:00:00Z
"""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def picture(codec: str = "WEBP") -> bytes:
    written = io.BytesIO()
    Image.effect_noise((24, 24), 80).save(written, codec, quality=30)
    return written.getvalue()


def fragments(data: bytes, length: int = 40, sequence: int = 7) -> list[Fragment]:
    return [
        Fragment(sequence, first, len(data), data[first : first + length])
        for first in range(0, len(data), length)
    ]


def hear(server: Server, *pieces: Fragment, start: int = 1) -> None:
    for counter, piece in enumerate(pieces, start):
        payload = seal(MessageKind.FRAGMENT, counter, pack_fragment(piece), NEW)
        server.taken("rockblock", rockblock(payload, counter))


@settings(max_examples=15)
@given(cuts=some.lists(some.tuples(some.integers(0, 300), some.integers(1, 322)), max_size=12))
def test_fragments_come_in_any_order_and_overlap(
    cuts: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    server, data = Server(tmp_path_factory.mktemp("any")), bytes(range(200)) + bytes(100)
    pieces = [
        Fragment(7, at, 300, data[at : at + size]) for at, size in cuts if data[at : at + size]
    ]
    hear(server, *pieces)
    here = {each for at, size in cuts for each in range(at, min(at + size, 300))}
    for found in previews(server.database):
        missing = {each for first, end in found.missing for each in range(first, end)}
        assert missing == set(range(300)) - here
        assert all(found.data[each] == data[each] for each in here)
    server.database.close()


@pytest.mark.parametrize(("codec", "ending"), [("WEBP", "webp"), ("JPEG", "jpg"), ("AVIF", "avif")])
def test_a_whole_preview_is_written_as_a_picture(
    server: Server, tmp_path: Path, codec: str, ending: str
) -> None:
    Image.init()
    if codec not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {codec}")
    data = picture(codec)
    *first, last = fragments(data)
    hear(server, *reversed(first))
    out = tmp_path / "previews"
    assert list(write_previews(previews(server.database), out)) == []
    (found,) = previews(server.database)
    assert found.missing == ((last.offset, len(data)),)
    hear(server, last, start=50)
    (written,) = write_previews(previews(server.database), out)
    assert written.path.name == f"AL07.2.000007.{ending}"
    assert written.path.read_bytes() == data
    assert not written.fault
    assert list(write_previews(previews(server.database), out)) == []


def test_what_is_no_picture_is_kept_and_told(server: Server, tmp_path: Path) -> None:
    hear(server, *fragments(b"no picture at all" * 9))
    (written,) = write_previews(previews(server.database), tmp_path / "out")
    assert written.path.suffix == ".bin"
    assert written.fault.startswith("whole, but no picture that opens here (JPEG, WEBP")


def test_a_sealed_preview_needs_its_key(server: Server, tmp_path: Path) -> None:
    secret, public = new_key()
    data, out = picture(), tmp_path / "out"
    hear(server, *fragments(Sealer([public])(data), 300))
    (sealed,) = write_previews(previews(server.database), out)
    assert sealed.path.name == "AL07.2.000007.age"
    for name, key in (("wrong.key", new_key()[0]), ("park.key", secret)):
        (tmp_path / name).write_text(key, "ascii")
    wrong = Opener(tmp_path / "wrong.key")
    (shut,) = write_previews(previews(server.database), out, wrong)
    assert shut.fault.startswith("stays sealed: ")
    (opened,) = write_previews(previews(server.database), out, Opener(tmp_path / "park.key"))
    assert opened.path.read_bytes() == data


def test_missing_bytes_are_asked_for_once_they_stopped_coming(server: Server) -> None:
    one, two, _three, four = fragments(bytes(range(160)))
    hear(server, one, four)
    later = NOON + timedelta(hours=2)
    assert ask_missing(server.database, server.desk, NOON) == 0
    assert ask_missing(server.database, server.desk, later) == 1
    assert ask_missing(server.database, server.desk, later) == 0
    row = server.database.row("SELECT body FROM command")
    assert row is not None
    server.now = later + timedelta(minutes=1)
    hear(server, two, start=50)
    assert ask_missing(server.database, server.desk, later + timedelta(hours=3)) == 1
    asked = list(asked_of(server.database, server.desk.units[0]))
    assert "SendPreview(sequence=7, offset=40, length=80): waits" in asked[0]
    assert "SendPreview(sequence=7, offset=80, length=40): waits" in asked[1]


def a_status(**changes: object) -> Status:
    values: dict[str, object] = {
        "at": NOON,
        "battery_mv": 10_800,
        "temperature_c": -20,
        "card_free_mib": 2048,
        "boots": 3,
        "sequences": 90,
        "discarded": 60,
        "targets": 2,
        "unsorted": 0,
        "unclassified": 1,
        "waiting": 4,
        "wake_reason": WakeReason.PIR,
        "clock_trust": ClockTrust.RTC,
        "faults": Faults(0),
    }
    return Status(**(values | changes))  # type: ignore[arg-type]


def test_the_overview_tells_what_matters(server: Server) -> None:
    server.taken("rockblock", rockblock(a_message(1, 41, 42), 1))
    server.taken("rockblock", rockblock(a_message(4, 43, label="deer"), 2))
    status = seal(
        MessageKind.STATUS, 5, pack_status(a_status(power_lost=3, stage=Stage.TARGETS)), NEW
    )
    server.taken("cloudloop", lingo(status, 3))
    server.taken("rockblock", rockblock(a_message(4, 99), 4))
    server.taken("rockblock", rockblock(b"what is this?", 5))
    found, silent = overviews(server.database, server.desk, NOON + timedelta(days=1))
    assert (found.messages, found.observations, found.targets, found.missing) == (3, 3, 2, 2)
    assert (found.not_opened, found.silent, found.generation) == (1, False, 2)
    assert (silent.unit, silent.silent, silent.heard_at) == ("AL08", True, None)
    told = "\n".join(in_words(found))
    for each in (
        "heard 2026-11-22 04:30",
        "10.80 V",
        "-20 °C",
        "stage targets",
        "power lost 3, w",
        "! card 2 told two things",
    ):
        assert each in told
    assert "SILENT" in next(in_words(silent))
    assert json.loads(json.dumps(as_json(found), default=str))["status"]["battery_mv"] == 10_800


def test_a_unit_becomes_silent(server: Server) -> None:
    server.taken("rockblock", rockblock(a_message(1)))
    for days, silent in ((2.9, False), (3.1, True)):
        found, _ = overviews(server.database, server.desk, NOON + timedelta(days=days))
        assert found.silent is silent


def test_a_failed_card_is_told_until_a_status_comes(server: Server) -> None:
    failed = seal_card_failed(bytes.fromhex("65a1b2c30100020001"), b"12345678", NEW)
    server.taken("rockblock", rockblock(failed, 1))
    found, _ = overviews(server.database, server.desk, NOON)
    assert "! card failed 2024-01-12" in "\n".join(in_words(found))
    status = seal(MessageKind.STATUS, 5, pack_status(a_status()), NEW)
    server.taken("rockblock", rockblock(status, 2))
    found, _ = overviews(server.database, server.desk, NOON)
    assert found.card_failure is None


def test_observations_go_out_with_and_without_places(server: Server, tmp_path: Path) -> None:
    server.taken("rockblock", rockblock(a_message(1, 41, 42)))
    file = tmp_path / "park.toml"
    file.write_text(DEPLOYMENTS, "utf-8")
    stood = places(file, 600, None)
    target = tmp_path / "told.csv"
    assert write_csv(observed(server.database, stood, None), target) == 2
    first, _ = csv.DictReader(target.read_text("utf-8").splitlines())
    assert first["unit"] == "AL07"
    assert first["scientificName"] == "Panthera pardus"
    assert first["target"] == "true"
    assert (first["latitude"], first["deploymentID"]) == ("43.123456", "K07")
    maps = tmp_path / "told.geojson"
    assert write_geojson(observed(server.database, {}, None), maps) == 2
    features = json.loads(maps.read_text("utf-8"))["features"]
    assert [each["geometry"] for each in features] == [None, None]
    assert write_csv(observed(server.database, stood, NOON + timedelta(days=1)), target) == 0


def test_what_everybody_may_see_tells_no_exact_place(server: Server, tmp_path: Path) -> None:
    server.taken("rockblock", rockblock(a_message(1)))
    file, maps = tmp_path / "park.toml", tmp_path / "told.geojson"
    file.write_text(DEPLOYMENTS, "utf-8")
    write_geojson(observed(server.database, places(file, 600, 1.0), None), maps)
    (feature,) = json.loads(maps.read_text("utf-8"))["features"]
    assert feature["geometry"]["coordinates"] == [131.5, 43.5]
    assert feature["properties"]["coordinateUncertainty"] > 60_000
    assert "43.123" not in maps.read_text("utf-8")


def test_an_observation_before_its_unit_stood_has_no_place(server: Server, tmp_path: Path) -> None:
    server.taken("rockblock", rockblock(a_message(1)))
    file = tmp_path / "park.toml"
    file.write_text(DEPLOYMENTS.replace("2026-11-01", "2026-12-01"), "utf-8")
    (found,) = observed(server.database, places(file, 600, None), None)
    assert found.place is None


def units_file(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "units.toml"
    path.write_text(TEMPLATE + more, "utf-8")
    return path


def test_the_template_is_a_good_file(tmp_path: Path) -> None:
    desk = read(units_file(tmp_path, "[[unit.card]]\ngeneration = 9\nkey = '" + "ab" * 16 + "'\n"))
    unit = desk.of_modem(IMEI)
    assert unit is not None
    assert [card.key.generation for card in unit.cards] == [9, 1]
    assert unit.card(9) == unit.cards[0]


UNIT = '[[unit]]\nname = "B1"\nmodem = "300234010753371"\n'


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("typo = 1", "typo"),
        ('[[unit]]\nname = "AL07"\nmodem = "300234010753371"', "unit AL07: is there twice"),
        (f'[[unit]]\nname = "B1"\nmodem = "{IMEI}"', f"modem {IMEI}: is there twice"),
        ('[[unit]]\nname = "B1"\nmodem = "12"', "unit B1: modem '12': must be an IMEI"),
        (UNIT + '[[unit.card]]\ngeneration = 1\nkey = "secret!"', "card 1: key: must be 32 hex"),
        (UNIT + f'[[unit.card]]\ngeneration = 0\nkey = "{"ab" * 16}"', "`int` >= 1"),
        (
            UNIT + '[[unit.card]]\ngeneration = 1\nkey = "00112233445566778899AABBCCDDEEFF"',
            "two cards have the same key",
        ),
        ('[tts]\nurl = "file:///etc/passwd"', "tts.url: must begin with https://"),
    ],
)
def test_a_broken_units_file_is_named_without_its_secrets(
    tmp_path: Path, more: str, says: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read(units_file(tmp_path, more))
    assert says in str(error.value)
    assert "secret!" not in str(error.value)
    assert "00112233" not in str(error.value)


def test_a_changed_units_file_opens_what_waits_and_a_broken_one_changes_nothing(
    tmp_path: Path,
) -> None:
    path, heard = units_file(tmp_path), []
    watched = Watched(path, heard.append)
    assert len(watched().units) == 1
    path.write_text("broken", "utf-8")
    assert len(watched().units) == 1
    path.write_text(TEMPLATE + UNIT, "utf-8")
    assert len(watched().units) == 2
    path.unlink()
    assert len(watched().units) == 2
    assert [len(desk.units) for desk in heard] == [2]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("status", SendStatus()),
        ("preview 42", SendPreview(42)),
        ("preview 42 100", SendPreview(42, 100)),
        ("preview 42 100 300", SendPreview(42, 100, 300)),
        ("set keeper.status_hour 3", Set(1, 3)),
        ("set sorter.audit_share 0.05", Set(5, 50)),
        ("set trigger.camera_delay_s 30", Set(7, 30_000)),
        ("time", SetTime(NOON)),
        ("reboot", Reboot()),
    ],
)
def test_words_become_a_command(words: str, command: object) -> None:
    assert command_of(words.split(), NOON) == command


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("jump", "one of: status"),
        ("preview x", "invalid literal"),
        ("preview 1 99999", "does not fit"),
        ("set unit.name x", "unit.name: one of keeper.status_hour"),
        ("set keeper.status_hour 99", "keeper.status_hour = 99"),
        ("set keeper.status_hour -1", "'-1' is no number"),
        ("set keeper.status_hour 1\n[x]", "is no number"),
    ],
)
def test_other_words_are_refused(words: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("[", r"\[")):
        command_of(words.split(" "), NOON)


def test_what_was_asked_is_listed(server: Server) -> None:
    unit = a_unit(cards=(Card(NEW, False), Card(OLD, False)))
    downlinks = Downlinks(server.database)
    server.desk = a_desk(unit)
    server.taken("rockblock", rockblock(a_message(1)))
    downlinks.ask(unit, Reboot(), NOON)
    assert list(asked_of(server.database, unit)) == ["2026-11-22 04:30 Reboot(): waits"]
    downlinks.freeze(unit, NOON)
    (said,) = asked_of(server.database, unit)
    assert said == "2026-11-22 04:30 Reboot(): downlink 46827 frozen"
