"""The first frame of a boot by the PIR: on the card before all else, and lost by nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import NOON, NumberedCamera, jpeg, number_of, station_of, watch_pir
from tests.faults import every_cut
from tests.test_processes import end, start, watch
from trapnode.cli.first import Here, begin, first_frame
from trapnode.cli.glance import forget_glance, glance_of, leave_glance, read_glance
from trapnode.cli.options import Options, plain
from trapnode.config import parse
from trapnode.model import ClockTrust, Shot, WakeReason
from trapnode.sim.clock import SteppedClock
from trapnode.sim.world import World
from trapnode.store import consent
from trapnode.store.database import Database
from trapnode.store.disk import RealDisk
from trapnode.store.entries import begin_boot
from trapnode.store.repair import is_whole_jpeg
from trapnode.store.store import DATABASE, open_store

GATED = (
    '[unit]\nname = "AL07"\n[paths]\nstate = "{0}/store"\nrun = "{0}/world"\n'
    '[power]\nprofile = "gated"\nboard = "latch"\n[card]\nreserve_mib = 16\nahead_mib = 0\n'
    "[burst]\nframes = 3\nframes_max = 3\ninterval_s = 0.3\n"
)
SLOW = {  # To import; each of them is a tenth of the time that the first frame may take.
    *("argparse", "dataclasses", "inspect", "logging", "msgspec", "socket", "tomllib"),
    *("trapnode.config", "trapnode.message", "trapnode.model", "trapnode.policy", "PIL", "numpy"),
}
PROGRAM = """
import json, sys
from trapnode.cli.first import first_frame
from trapnode.cli.options import plain
first = first_frame(plain(sys.argv[1:]))
print(json.dumps({"saved": first.begun is not None, "modules": list(sys.modules)}))
"""


@pytest.fixture
def unit(tmp_path):
    """A gated unit on twins that its PIR wakes: an animal stands there; its card is not new."""
    world = World.create(tmp_path / "world", NOON, 60.0, "boot", wake=WakeReason.PIR)
    (world.folder / "view.jpg").write_bytes(jpeg(1))
    (world.folder / "view.preview.jpg").write_bytes(jpeg(1, (16, 12)))
    config = tmp_path / "config.toml"
    config.write_text(GATED.format(tmp_path), "utf-8")
    open_store(tmp_path / "store").close()
    remember(config)
    return config


def remember(config: Path) -> None:
    """Leave what the keeper leaves of a configuration."""
    text = config.read_text("utf-8")
    glance = glance_of(text, parse(text))
    assert glance is not None
    leave_glance(RealDisk(), config.parent / "world", glance)


def told(config: Path) -> list[str]:
    return ["--config", str(config), "--twins", str(config.parent / "world")]


def rows(config: Path, sql: str) -> list[tuple[object, ...]]:
    database = Database(config.parent / "store" / DATABASE, config.parent / "quarantine")
    try:
        return database.rows(sql)
    finally:
        database.close()


def frames(config: Path) -> list[Path]:
    return sorted(
        path
        for path in (config.parent / "store" / "archive").rglob("*.jpg")
        if ".preview." not in path.name
    )


def test_the_first_frame_waits_for_nothing_that_is_slow_to_load(unit):
    command = [sys.executable, "-c", PROGRAM, *told(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["saved"]
    assert SLOW & set(found["modules"]) == set()
    (path,) = frames(unit)
    assert is_whole_jpeg(path.read_bytes())
    query = "SELECT f.path, s.state, b.kernel_id, b.wake_reason FROM frame f JOIN sequence s"
    query += " ON s.id = f.sequence JOIN boot b ON b.id = s.boot"
    relative = str(path.relative_to(unit.parent / "store" / "archive"))
    assert rows(unit, query) == [(relative, "open", "boot", "pir")]


def test_the_station_goes_on_with_the_burst_that_was_begun(unit):
    world = World.enter(unit.parent / "world")
    station = start("station", world, unit)
    for _ in watch(station):
        done = rows(unit, "SELECT state FROM sequence") == [("unsorted",)]
        if done and (world.folder / "pir.json").exists():
            break
    assert end(station)["code"] == 0
    assert [path.name.split(".")[-2] for path in frames(unit)] == ["1", "2", "3"]
    assert rows(unit, "SELECT count(*) FROM boot") == [(1,)]
    pir = json.loads((world.folder / "pir.json").read_text("utf-8"))
    assert pir["edges"] == 1  # The boot itself.


def forgotten(config):
    forget_glance(RealDisk(), config.parent / "world")


def changed(config):
    config.write_text(config.read_text("utf-8") + "# Another one.\n", "utf-8")


def noted(config):
    consent.note_wake(config.parent / "world", WakeReason.PIR)


def taken_before(config):
    """As the station finds it that systemd starts anew: what ended it may end it again."""
    consent.note_wake(config.parent / "world", WakeReason.PIR, owed=True)


def updated(config):
    folder = config.parent / "world"
    glance = read_glance(config, str(folder))
    leave_glance(RealDisk(), folder, glance._replace(version="0", pir_pin=17))


def by_alarm(config):
    World.create(config.parent / "world", NOON, 60.0, "boot", wake=WakeReason.ALARM)


@pytest.mark.parametrize("unusual", [forgotten, changed, noted, taken_before, updated, by_alarm])
def test_what_is_unusual_goes_the_ordinary_way(unit, unusual):
    unusual(unit)
    assert first_frame(Options(*told(unit)[1::2])) is None
    assert frames(unit) == []


@pytest.mark.parametrize(
    "words", ["--help", "--config", "--once x", "--twins=w", "--config a --config b"]
)
def test_words_that_are_not_plain_are_left_to_the_parser(words):
    assert plain(words.split()) is None


def test_plain_words_are_read_without_the_parser():
    assert plain([]) == Options()
    assert plain(["--twins", "w", "--config", "c"]) == Options("c", "w")


def test_a_configuration_that_windows_wrote_is_the_same_the_next_time(unit):
    unit.write_bytes(unit.read_bytes().replace(b"\n", b"\r\n"))
    text = unit.read_bytes().decode()  # As the keeper reads it.
    leave_glance(RealDisk(), unit.parent / "world", glance_of(text, parse(text)))
    assert read_glance(unit, str(unit.parent / "world")) is not None


def full(config):
    glance = read_glance(config, str(config.parent / "world"))
    leave_glance(RealDisk(), config.parent / "world", glance._replace(keep_free=1 << 60))


def broken(config):
    (config.parent / "store" / DATABASE).unlink()
    (config.parent / "store" / DATABASE).mkdir()


def sealed_before(config):
    seals = {"key": "00" * 32, "recipients": [], "earlier": []}
    (config.parent / "store" / "sealing.json").write_text(json.dumps(seals), "utf-8")


def sealed(config):
    public = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"
    recipients = f'[sealing]\nrecipients = ["{public}"]\n'
    config.write_text(config.read_text("utf-8") + recipients, "utf-8")
    remember(config)


@pytest.mark.parametrize("refuses", [full, broken, sealed, sealed_before])
def test_a_frame_that_the_card_does_not_take_as_usual_goes_along(unit, refuses):
    refuses(unit)
    first = first_frame(Options(*told(unit)[1::2]))
    assert first is not None
    with first.opened:
        assert (first.store, first.begun) == (None, None)
        assert number_of(first.shot.frame) == 1
    assert frames(unit) == []


def test_a_unit_that_no_boot_is_a_trigger_of_has_no_glance():
    assert glance_of("", parse("")) is None


def test_a_power_cut_leaves_the_first_frame_whole_or_the_card_as_it_was(tmp_path):
    text = GATED.format(tmp_path)
    glance = glance_of(text, parse(text))
    assert glance is not None
    shot = Shot(jpeg(7), jpeg(7, (16, 12)), NOON)
    open_store(tmp_path / "template").close()

    def work(state, power):
        clock = SteppedClock(NOON)
        here = Here(clock, lambda: ClockTrust.RTC, World.create(tmp_path / "w", NOON, 1.0, "boot"))
        store = power.open(state)
        begun = begin(glance, store, shot, "imx708", here)
        assert begun.burst.saved == 1

    def check(state, power):
        store = open_store(state)
        store.repair()
        saved = list(store.archive.root.rglob("*.1.jpg"))
        assert all(is_whole_jpeg(path.read_bytes()) for path in saved)
        assert len(store.database.rows("SELECT path FROM frame")) == len(saved)
        assert power.dead or len(saved) == 1
        # The next boot takes its own.
        boot = begin_boot(store.database, "next", NOON, WakeReason.PIR, ClockTrust.RTC)
        clock = SteppedClock(NOON)
        watch_pir(station_of(store, tmp_path, boot), clock, [(60, 0.5)], NumberedCamera(clock))
        assert len(store.database.rows("SELECT path FROM frame")) == len(saved) + 3
        store.close()

    assert every_cut(tmp_path / "cuts", tmp_path / "template", work, check, seeds=range(1)) > 10
