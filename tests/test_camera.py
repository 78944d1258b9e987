"""The camera adapter against a hand-written picamera2 that keeps the real one's rules."""

import importlib
import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trapnode.errors import DeviceError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STUBS = Path(__file__).parent / "stubs"
RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 180, 40), (30, 40, 200), (230, 230, 230)


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
    for name in ("picamera2", "simplejpeg", "trapnode.devices.camera"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    world = importlib.import_module("picamera2").World
    world.scene = scene(world.resolution)
    yield world
    for name in ("picamera2", "simplejpeg", "trapnode.devices.camera"):
        sys.modules.pop(name, None)


@pytest.fixture
def opened(world):
    """Open the camera at noon by the wall clock."""
    module = importlib.import_module("trapnode.devices.camera")
    cameras = []

    def opened():
        start_s = world.monotonic_s
        cameras.append(
            module.PiCamera(
                now=lambda: NOON + timedelta(seconds=world.monotonic_s - start_s),
                monotonic=lambda: world.monotonic_s,
            )
        )
        return cameras[-1]

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
