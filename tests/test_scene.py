"""The twins keep the promises of the real things: clocks, PIR, scenes, battery, world."""

import contextlib
import os
import select
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from tests.fakes import NOON, jpeg
from trapnode.errors import DeviceError, UsageError
from trapnode.model import ClockTrust, WakeReason
from trapnode.sim.battery import DAYS, FLAT_MV, FULL_MV, SimBattery, SimThermometer
from trapnode.sim.clock import FastClock, SteppedClock
from trapnode.sim.pir import InputPin, ScriptedPir
from trapnode.sim.scene import PULSE_S, ReplayCamera, Scene, preview_of, show
from trapnode.sim.world import World
from trapnode.store.busy import Busy
from trapnode.store.watched import WatchedPir


@pytest.fixture
def pir(clock):
    pir = ScriptedPir(clock.monotonic, [(60.0, 5.0), (10.0, 2.0)])
    yield pir
    pir.close()


def test_a_stepped_clock_is_at_once_where_a_wait_ends(clock):
    assert clock.wait([], 10.0) == []
    clock.step(5)
    assert clock.monotonic() == 15.0
    assert clock.now() - NOON == timedelta(seconds=15)
    assert clock.trust() is ClockTrust.RTC


def test_setting_the_wall_leaves_monotonic_time_alone(clock):
    clock.step(5)
    clock.set_wall(NOON.replace(year=1970))
    clock.step(5)
    assert clock.now() == NOON.replace(year=1970) + timedelta(seconds=5)
    assert clock.monotonic() == 10.0


def test_a_stepped_clock_stops_at_the_next_edge(clock, pir):
    assert clock.wait([pir], 5.0) == []
    assert clock.wait([pir], 30.0) == [pir]
    assert clock.monotonic() == 10.0


def test_a_stepped_clock_sees_what_is_readable_already(clock):
    readable, writable = os.pipe()
    with open(readable, "rb") as file, open(writable, "wb", buffering=0) as other:
        assert clock.wait([file], 5.0) == []
        other.write(b"!")
        assert clock.wait([file], 5.0) == [file]
    assert clock.monotonic() == 5.0


def test_a_fast_clock_runs_at_its_rate():
    clock = FastClock(NOON, 10_000.0)
    before = clock.monotonic()
    assert clock.wait([], 10.0) == []
    assert clock.monotonic() - before >= 10.0
    assert clock.now() >= NOON + timedelta(seconds=10)
    assert clock.trust() is ClockTrust.RTC


def test_fast_clocks_of_two_processes_agree():
    one, two = FastClock(NOON, 1000.0, 5.0), FastClock(NOON, 1000.0, 5.0)
    assert one.now() <= two.now() <= one.now()


def test_a_pir_tells_each_edge_once_and_is_active_meanwhile(clock, pir):
    assert (pir.edges(), pir.active, pir.next_s()) == ([], False, 10.0)
    clock.step(11)
    assert (pir.edges(), pir.active) == ([10.0], True)
    clock.step(1)
    assert (pir.edges(), pir.active, pir.exhausted) == ([], False, False)
    clock.step(60)
    assert (pir.edges(), pir.exhausted, pir.next_s()) == ([60.0], True, None)


def test_a_pin_high_at_the_start_gives_no_edge(clock):
    pir = ScriptedPir(clock.monotonic, [(0.0, 5.0)])
    assert pir.active
    assert pir.edges() == []
    assert not select.select([pir], [], [], 0)[0]
    pir.close()


def test_a_closed_pir_says_so(clock, pir):
    pir.close()
    pir.close()
    for use in (pir.edges, pir.fileno, lambda: pir.active):
        with pytest.raises(DeviceError, match="GPIO17 is closed"):
            use()


def test_an_input_pin_cannot_be_driven():
    with pytest.raises(DeviceError, match="GPIO17 is an input: it cannot be driven 1"):
        InputPin(17).drive(True)


def test_a_scene_is_there_until_its_last_frame_was_shown(run, tmp_path):
    pictures = [tmp_path / "1.jpg", tmp_path / "2.jpg"]
    scene = Scene(run, lambda: 12.5)
    assert (scene.edges(), scene.active) == ([], False)
    assert show(run, pictures)
    assert select.select([scene], [], [], 0)[0]
    assert (scene.edges(), scene.active) == ([12.5], True)
    assert [scene.next_frame(), scene.next_frame()] == pictures
    assert not scene.active
    with pytest.raises(DeviceError, match="no scene was sent"):
        scene.next_frame()
    scene.close()
    assert not show(run, pictures), "what comes while the station is dead is missed"


def test_who_walks_by_is_seen_while_the_radio_transmits(run, clock):
    scene = Scene(run, clock.monotonic)
    pir, radio = WatchedPir(scene, run, clock), Busy(run, "modem", clock.monotonic)
    with contextlib.closing(scene), contextlib.closing(pir), radio.during():
        assert pir.edges() == []
        assert show(run, [])
        assert pir.edges() == [0.0]
        assert pir.active
        clock.step(PULSE_S)
        assert not pir.active


def test_a_box_of_scenes_can_be_full(run):
    scene = Scene(run, lambda: 0.0)
    scene.edges()
    shown = [show(run, []) for _ in range(2000)]
    assert shown[0]
    assert not shown[-1]
    scene.close()


def test_a_replayed_frame_is_the_file_and_its_small_version(clock, tmp_path):
    picture = tmp_path / "1.jpg"
    picture.write_bytes(jpeg(1, (1280, 960)))
    camera = ReplayCamera(lambda: picture, clock.now, clock.step)
    shot = camera.shoot()
    assert shot.frame == picture.read_bytes()
    with Image.open(BytesIO(shot.preview)) as preview:
        assert preview.size == (640, 480)
    assert shot.captured_at == NOON
    assert clock.monotonic() == pytest.approx(0.1)


def test_a_picture_of_another_kind_becomes_a_jpeg(clock, tmp_path):
    picture = tmp_path / "1.png"
    Image.new("RGBA", (64, 48)).save(picture)
    shot = ReplayCamera(lambda: picture, clock.now, clock.step).shoot()
    assert shot.frame.startswith(b"\xff\xd8\xff")
    assert Image.open(BytesIO(shot.preview)).size == (64, 48)


@pytest.mark.parametrize("data", [None, b"", b"no picture"])
def test_a_file_that_is_no_picture_is_a_camera_fault(clock, tmp_path, data):
    if data is not None:
        (tmp_path / "1.jpg").write_bytes(data)
    camera = ReplayCamera(lambda: tmp_path / "1.jpg", clock.now, clock.step)
    with pytest.raises(DeviceError, match="cannot show it"):
        camera.shoot()


def test_a_closed_camera_says_so(clock, tmp_path):
    camera = ReplayCamera(lambda: tmp_path, clock.now, clock.step)
    camera.close()
    with pytest.raises(DeviceError, match="is closed"):
        camera.shoot()


def test_a_small_picture_is_its_own_preview_size():
    with Image.open(BytesIO(preview_of(jpeg(1, (320, 240))))) as preview:
        assert preview.size == (320, 240)


def test_a_battery_drains_over_its_days_and_no_further(clock):
    battery = SimBattery(clock.monotonic)
    assert battery.millivolts() == FULL_MV
    clock.step(DAYS * 86_400 * 2)
    assert battery.millivolts() == FLAT_MV
    assert SimThermometer(-31.5).celsius() == -31.5


def test_processes_enter_the_same_world(tmp_path):
    made = World.create(tmp_path / "world", NOON, 60.0, "boot-1", seed=7)
    found = World.enter(tmp_path / "world")
    assert found == made
    assert found.clock().now() <= made.clock().now()
    assert found.wake_reason() is WakeReason.POWER_ON
    assert {found.modem.name, found.console.name, found.gateway.name} == {
        "modem",
        "console",
        "gateway.jsonl",
    }


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"origin": "x"}'])
def test_a_world_that_nobody_began_is_a_usage_error(tmp_path, text):
    if text is not None:
        (tmp_path / "world.json").write_text(text)
    with pytest.raises(UsageError, match="no world of twins"):
        World.enter(tmp_path)


def test_a_clock_for_tests_stands_still_by_itself():
    clock = SteppedClock()
    assert clock.now() == clock.now() == NOON
