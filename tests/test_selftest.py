"""The self-test and aiming: a technician, a unit, and the others played by the test."""

from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFilter

from tests.technician import Cable, unit_at
from trapnode.errors import DeviceError
from trapnode.policy.aim import FOCUS_LEAST, Look, fault_of
from trapnode.store import ram, remarks
from trapnode.testpicture import COLUMNS, ROWS, look_at

SOUND = {
    "unit": "AL07",
    "monotonic_s": 1e9,  # Never stale.
    "clock_trust": "rtc",
    "battery_mv": 7400,
    "days_left": 120,
    "card_free_bytes": 51_300_000_000,
    "set": "amur-3",
    "faults": [],
}


def jpeg(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def forest(blur: float = 0.0, light: float = 1.0) -> bytes:
    """Trunks and leaves, as light and as sharp as one likes."""
    picture = Image.new("L", (640, 480), 110)
    draw = ImageDraw.Draw(picture)
    for x in range(0, 640, 14):
        draw.line((x, 0, (x * 7) % 640, 480), fill=(x * 37) % 200 + 30, width=4)
    picture = picture.filter(ImageFilter.GaussianBlur(blur)) if blur else picture
    return jpeg(picture.point(lambda level: min(255, round(level * light))))


class Others:
    """Station and uplinker, as far as a technician hears of them."""

    def __init__(self, run, edges=3, preview=b"", modem="IMEI 300, signal 4 of 5") -> None:
        self._run, self._preview, self._modem = run, preview or forest(), modem
        self._edges = edges

    def __call__(self) -> None:
        asked = remarks.read(self._run / "look.json")
        number = asked.get("number", 0)
        if number and self._edges is not None:
            pictured = number if asked.get("picture") else 0
            if pictured:
                (self._run / "seen.jpg").write_bytes(self._preview)
            told = {"edges": self._edges, "active": False, "pictured": pictured}
            ram.replace(self._run / "seen.json", {"number": number, "picture": "", **told})
        asked = remarks.read(self._run / "ask.json")
        if asked and self._modem:
            said = {"number": asked["number"], "text": self._modem, "fault": False}
            ram.replace(self._run / "said.json", said)


def tried(folder, changes=None, **others):
    """Run a self-test; give its lines."""
    ram.write_snapshot(folder, SOUND | (changes or {}))
    unit = unit_at(folder, modem="sbd")
    return Cable(unit, Others(folder, **others)).ask("selftest")


def test_a_sound_unit_passes(tmp_path):
    lines = tried(tmp_path)
    assert [line.split()[0] for line in lines[1:]] == [
        *["pass"] * 6, "walk", "PIR", "pass", "pass", "SELFTEST", "OK"
    ]  # fmt: skip
    assert lines[-2] == "SELFTEST PASSED: 8 of 8"
    assert remarks.tested(tmp_path, 1e9)[0] == []


@pytest.mark.parametrize(
    ("changes", "others", "failed", "todo"),
    [
        ({"faults": ["station: silent for 99 s"]}, {}, "processes", "power off and on"),
        ({"clock_trust": "none"}, {}, "clock", "clock set"),
        ({"battery_mv": None}, {}, "battery", "lithium"),
        ({"days_left": 3}, {}, "battery", "lithium"),
        ({"days_left": 3, "gated": False}, {}, "battery", "power.profile = gated"),
        ({"faults": ["card: full"]}, {}, "card", "another provisioned card"),
        ({"set": None}, {}, "model", "pictures are kept"),
        ({}, {"preview": forest(light=0.1)}, "camera", "lens cap"),
        ({}, {"preview": forest(light=9.0)}, "camera", "sun"),
        ({}, {"preview": forest(blur=8)}, "camera", "frost"),
        ({}, {"preview": b"no picture"}, "camera", "its cable; power"),
        ({}, {"edges": 0}, "pir", "did anybody walk"),
        ({}, {"modem": ""}, "modem", "aerial"),
    ],
)
def test_what_fails_is_named_with_what_to_do(tmp_path, changes, others, failed, todo):
    lines = tried(tmp_path, changes, **others)
    fails = [number for number, line in enumerate(lines) if line.startswith("FAIL")]
    assert [lines[number].split()[1] for number in fails] == [failed]
    assert todo in " ".join(lines[fails[0] + 1 :])
    assert lines[-1] == f"ERR 10 failed: {failed}"
    assert remarks.tested(tmp_path, 1e9)[0] == [failed]
    assert all(len(line) <= 80 for line in lines)


def test_the_status_shows_the_signal_that_the_modem_told(tmp_path):
    ram.write_snapshot(tmp_path, SOUND)
    cable = Cable(unit_at(tmp_path, modem="sbd"), Others(tmp_path))
    assert cable.ask("modem")[-2:] == ["IMEI 300, signal 4 of 5", "OK"]
    cable.unit.clock.step(9)
    assert "modem     signal 4 of 5, 9 s ago" in cable.ask("status")


def test_a_silent_station_is_named_with_its_age(tmp_path):
    ram.beat(tmp_path, "station", 50.0)
    lines = tried(tmp_path, edges=None)
    silent = [line for line in lines if "no answer from the station" in line]
    assert len(silent) == 2  # Camera and PIR.
    assert "in 15 s (stale 69 s)" in silent[0]


def test_without_a_snapshot_the_parts_are_tried_all_the_same(tmp_path):
    lines = Cable(unit_at(tmp_path), Others(tmp_path)).ask("selftest")
    assert lines[-1] == "ERR 10 failed: processes, clock, battery, card, model"


def test_enter_stops_a_selftest_and_ends_aiming(tmp_path):
    ram.write_snapshot(tmp_path, SOUND)
    cable = Cable(unit_at(tmp_path), Others(tmp_path, edges=0))
    cable.type(b"selftest\r")
    assert cable.type(b"\r").endswith(b"ERR 6 stopped\r\n")
    cable.type(b"aim\r")
    Others(tmp_path)()
    cable.unit.clock.step(1)
    shown = cable.type(b"").decode().splitlines()
    assert len(shown) == ROWS + 1
    assert shown[-1].startswith("brightness ")
    assert cable.type(b"\r").endswith(b"OK\r\n")
    assert remarks.read(tmp_path / "look.json")["until_s"] <= cable.unit.clock.monotonic()


def test_a_picture_is_measured_and_shown_in_characters():
    look = look_at(forest())
    assert fault_of(look) == ""
    assert look.focus > 5 * FOCUS_LEAST
    assert len(look.rows) == ROWS
    assert {len(row) for row in look.rows} == {COLUMNS}
    assert len(set("".join(look.rows))) > 5
    left_dark = Image.new("L", (640, 480), 200)
    left_dark.paste(20, (0, 0, 320, 480))
    row = look_at(jpeg(left_dark)).rows[5]
    assert row[0] == " "
    assert row[-1] == "@"


@pytest.mark.parametrize("size", [(1, 1), (4000, 3), (3, 900), (640, 480)])
def test_a_picture_of_any_size_is_measured(size):
    assert look_at(jpeg(Image.new("L", size, 128))).brightness in range(120, 136)


@pytest.mark.parametrize("cut", [0, 1, 100, 700])
def test_no_picture_is_an_error_that_says_so(cut):
    with pytest.raises(DeviceError, match="test picture of"):
        look_at(forest()[:cut])


@pytest.mark.parametrize(
    ("look", "fault"),
    [
        (Look(19, 0, 900), "dark"),
        (Look(20, 0, 900), ""),
        (Look(120, 41, 900), "bright"),
        (Look(120, 40, 59), "blurred"),
        (Look(120, 40, 60), ""),
    ],
)
def test_limits_of_a_good_picture(look, fault):
    assert fault_of(look) == fault
