"""The camera adapter against a hand-written picamera2 that keeps the real one's rules."""

import configparser
import contextlib
import importlib
import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory
from PIL import Image

from trapnode.cli.optics import eye_of, optics_of
from trapnode.config import parse
from trapnode.errors import DeviceError
from trapnode.eye import Eye
from trapnode.light import Exposure
from trapnode.model import ClockTrust
from trapnode.policy.light import NightPlan
from trapnode.sim.clock import SteppedClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MODULES = (
    *("picamera2", "simplejpeg"),
    *("trapnode.devices.camera", "trapnode.devices.developing"),
)
STUBS = Path(__file__).parent / "stubs"
RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 180, 40), (30, 40, 200), (230, 230, 230)


class Unlit:
    """The camera as the station has it, without a light of its own."""

    def __init__(self, camera, world):
        self._camera = camera
        self.close, self.expose = camera.close, camera.expose
        self._eye = Eye(lambda *_: camera, None, NightPlan(), lambda: world.monotonic_s)
        self.shoot = self._eye.shoot

    @property
    def model(self):
        return self._eye.model


def scene(size):
    """Give four quarters of four colours."""
    width, height = size
    image = Image.new("RGB", size, RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


@pytest.fixture
def world(monkeypatch):
    """Import the stubs in place of the real libraries, and ours anew on top of them."""
    monkeypatch.syspath_prepend(str(STUBS))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    world = importlib.import_module("picamera2").World
    world.scene = scene(world.resolution)
    yield world
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def opened(world):
    """Open the camera at noon by the wall clock."""
    module = importlib.import_module("trapnode.devices.camera")
    cameras = []

    def opened(**options):
        start_s = world.monotonic_s
        cameras.append(
            module.PiCamera(
                now=lambda: NOON + timedelta(seconds=world.monotonic_s - start_s),
                monotonic=lambda: world.monotonic_s,
                **options,
            )
        )
        return Unlit(cameras[-1], world)

    yield opened
    for each in cameras:
        each.close()


def colours(jpeg):
    """Give the colours in the middle of the four quarters, and the size."""
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    width, height = image.size
    places = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    return [image.getpixel(place) for place in places], image.size


FORMATS = ["YUV420", "YVU420", "NV12", "NV21", "RGB888", "BGR888", "XRGB8888", "XBGR8888"]


@pytest.mark.parametrize("main", FORMATS)
@pytest.mark.parametrize("lores", FORMATS[:4])
def test_colours_are_right_in_every_format_the_pipeline_may_choose(world, opened, main, lores):
    world.formats = {"main": main, "lores": lores}
    shot = opened().shoot()
    for jpeg in (shot.frame, shot.preview):
        seen, _ = colours(jpeg)
        difference = np.subtract(seen, [RED, GREEN, BLUE, WHITE])
        assert np.abs(difference).max() <= 6


@pytest.mark.parametrize(
    ("resolution", "preview"),
    [((4056, 3040), (640, 480)), ((3280, 2464), (640, 480)), ((2304, 1296), (640, 360))],
)
def test_a_frame_is_full_size_and_its_preview_small_with_the_same_aspect(
    world, opened, resolution, preview
):
    world.resolution = resolution
    shot = opened().shoot()
    assert Image.open(io.BytesIO(shot.frame)).size == resolution
    assert Image.open(io.BytesIO(shot.preview)).size == preview


def test_a_sensor_smaller_than_the_preview_gives_its_own_size(world, opened):
    world.resolution = (320, 240)
    assert Image.open(io.BytesIO(opened().shoot().preview)).size == (320, 240)


def test_the_frame_of_before_the_question_is_taken_when_it_is_fresh(world, opened):
    camera = opened()
    world.opened.queued_s = world.monotonic_s - 0.25
    assert camera.shoot().captured_at == NOON - timedelta(seconds=0.25)


def test_a_stale_frame_is_given_back_for_the_next_one(world, opened):
    camera = opened()
    world.opened.queued_s = world.monotonic_s - 3600
    assert camera.shoot().captured_at == NOON + timedelta(seconds=world.frame_s)
    assert world.opened.outstanding == 0


def test_a_camera_without_timestamps_has_the_time_of_the_answer(world, opened):
    world.timestamps = False
    assert opened().shoot().captured_at == NOON + timedelta(seconds=world.frame_s)


def test_many_frames_need_no_more_than_the_buffers(world, opened):
    camera = opened()
    for _ in range(10):
        camera.shoot()
    assert world.opened.buffers == 2
    assert world.opened.outstanding == 0


@pytest.mark.parametrize("fault", ["mapping", "capture"])
def test_a_failure_gives_the_buffer_back(world, opened, fault):
    camera = opened()
    world.fault = fault
    for _ in range(5):
        with pytest.raises(DeviceError, match=f"camera: {fault} went wrong"):
            camera.shoot()
    assert world.opened.outstanding == 0
    world.fault = ""
    assert camera.shoot().frame


def test_a_format_we_do_not_know_is_a_device_error(world, opened):
    world.formats = {"lores": "YUV444"}
    with pytest.raises(DeviceError, match="camera gives YUV444, not one of"):
        opened().shoot()
    assert world.opened.outstanding == 0


def test_a_hung_camera_is_a_device_error_and_can_be_closed(world, opened):
    camera = opened()
    world.hangs = True
    world.opened.queued_s = None
    with pytest.raises(DeviceError, match="camera gave no frame within 10 s"):
        camera.shoot()
    camera.close()
    assert world.opened.closed


@pytest.mark.parametrize("fault", ["configure", "start"])
def test_a_camera_that_does_not_start_is_closed_again(world, opened, fault):
    world.fault = fault
    with pytest.raises(DeviceError, match=f"camera does not start: {fault} went wrong"):
        opened()
    assert world.opened.closed


def test_the_cause_is_told_too(world, opened):
    world.fault = "open"
    with pytest.raises(DeviceError, match=r"did not complete.*Device or resource busy"):
        opened()


def test_the_model_is_the_sensors(world, opened):
    camera = opened()
    assert camera.model == "imx219"
    world.properties = {}
    assert camera.model == "unknown"


def test_closing_twice_is_fine_and_a_closed_one_says_so(opened):
    camera = opened()
    camera.close()
    camera.close()
    with pytest.raises(DeviceError, match="camera is closed"):
        camera.shoot()
    with pytest.raises(DeviceError, match="camera is closed"):
        _ = camera.model


def test_a_camera_that_does_not_close_ends_no_process(world, opened, caplog):
    camera = opened()
    world.fault = "close"
    camera.close()
    assert "camera does not close: close went wrong" in caplog.text


MODULE_3 = {
    **{"AfMode": (0, 2, 0), "LensPosition": (0.0, 32.0, 1.0), "AeExposureMode": (0, 3, 0)},
    **{"NoiseReductionMode": (0, 4, 0), "ExposureTime": (13, 220_000_000, 20_000)},
    **{"AnalogueGain": (1.12, 16.0, 1.0), "AwbEnable": (False, True, True)},
    "ColourGains": (0.0, 32.0, None),
}
HQ = {name: each for name, each in MODULE_3.items() if name not in ("AfMode", "LensPosition")}
MONO = {name: each for name, each in HQ.items() if name not in ("AwbEnable", "ColourGains")}


def test_a_lens_that_moves_is_set_once_and_never_looks_for_its_focus(world, opened):
    world.controls = MODULE_3
    opened(focus_m=2.5)
    assert world.opened.at_start["AfMode"] == 0
    assert world.opened.at_start["LensPosition"] == pytest.approx(0.4)


@pytest.mark.parametrize("offered", [{}, HQ, MONO, MODULE_3])
def test_a_camera_is_never_told_what_it_does_not_know(world, opened, offered):
    world.controls = offered
    camera = opened(first=Exposure(10_000, 8.0, (1.5, 2.0)))
    assert set(world.opened.at_start) <= set(offered)
    camera.expose(Exposure(10_000, 8.0))
    camera.expose(None)
    assert set(world.opened.applied) <= set(offered)


def test_a_gain_beyond_the_sensors_becomes_its_highest(world, opened):
    world.controls = MODULE_3
    opened().expose(Exposure(10_000, 22.0))
    assert world.opened.applied["AnalogueGain"] == 16.0


def test_the_first_frame_may_be_told_its_exposure_and_the_next_are_the_cameras(world, opened):
    world.controls = MODULE_3
    opened(first=Exposure(8000, 2.0, (1.5, 2.0))).expose(None)
    assert world.opened.at_start["ExposureTime"] == 8000
    assert world.opened.at_start["ColourGains"] == (1.5, 2.0)
    assert world.opened.given[-1] == {"ExposureTime": 0, "AnalogueGain": 0.0, "AwbEnable": True}


def test_a_frame_tells_how_it_was_taken_if_it_does(world, opened):
    world.metadata = {"Lux": 7.5, "AeState": 1}
    camera = opened()
    camera._camera.expose(None)
    held = camera._camera.hold()
    assert (held.reading.lux, held.reading.exposure, held.reading.settled) == (7.5, None, False)
    held.release()


def test_a_frame_in_our_light_has_no_colour(world, opened):
    held = opened()._camera.hold()
    shot, (low, high) = held.develop(grey=True)
    held.release()
    for jpeg in (shot.frame, shot.preview):
        for red, green, blue in colours(jpeg)[0]:
            assert max(red, green, blue) - min(red, green, blue) <= 2
    assert 50 < low < 100
    assert 200 < high < 240


def test_whatever_may_hang_is_under_the_kernels_alarm(world, opened, monkeypatch):
    module = importlib.import_module("trapnode.devices.camera")
    set_s = []
    monkeypatch.setattr(module.signal, "setitimer", lambda _, seconds: set_s.append(seconds))
    camera = opened()
    assert set_s == [module.START_LONGEST_S, 0.0]
    camera.close()
    assert set_s[2:] == [module.CLOSE_LONGEST_S, 0.0]


def test_systemd_waits_longer_than_the_camera_may_take(world):
    module = importlib.import_module("trapnode.devices.camera")
    unit = configparser.RawConfigParser(strict=False)
    unit.read(STUBS.parents[1] / "systemd" / "trapnode-station.service")
    service = unit["Service"]
    first_s = module.START_LONGEST_S + 2 * module.FRAME_LONGEST_S
    assert first_s + module.CLOSE_LONGEST_S < int(service["TimeoutStartSec"])
    assert int(service["WatchdogSec"]) > 2 * module.FRAME_LONGEST_S
    assert int(service["TimeoutStopSec"]) > module.CLOSE_LONGEST_S


@pytest.mark.parametrize(("at_once", "state"), [(True, 1), (False, 0)])
def test_the_unit_lights_a_cold_start_only_where_a_frame_is_due_and_ends_dark(
    world, monkeypatch, tmp_path, at_once, state
):
    world.controls, seen, ends = MODULE_3, [], []
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)
    camera = importlib.import_module("picamera2").Picamera2
    start = camera.start

    def started(self):
        seen.append(factory.pin(18).state)
        start(self)

    monkeypatch.setattr(camera, "start", started)
    clock = SteppedClock(NOON)
    text = f'[paths]\nstate = "{tmp_path}"\n[camera]\nflash_pin = 18\nfocus_m = 4.0\n'
    optics = optics_of(parse(text))
    with contextlib.ExitStack() as opened:
        opened.callback(lambda: ends.append(factory.pin(18).function))
        eye = eye_of(optics, clock, lambda: ClockTrust.RTC, opened, at_once=at_once)
        assert seen == [state]
        assert world.opened.at_start["LensPosition"] == 0.25
        eye.shoot()
        assert (factory.pin(18).state, eye.flash.fault) == (0, "")
    assert ends == ["input"]
    assert world.opened.closed


def test_a_camera_that_does_not_start_leaves_the_unit_dark(world, monkeypatch, tmp_path):
    world.fault = "start"
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)
    config = parse(f'[paths]\nstate = "{tmp_path}"\n[camera]\nflash_pin = 18\n')
    clock, trust = SteppedClock(NOON), lambda: ClockTrust.NONE
    with pytest.raises(DeviceError, match="does not start"), contextlib.ExitStack() as opened:
        eye_of(optics_of(config), clock, trust, opened, at_once=True)
    assert factory.pin(18).function == "input"
