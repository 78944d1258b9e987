"""Runs in the rig's Debian root: the real picamera2 with what its virtual camera lacks.

usage: virtual_camera.py shots NUMBER | hang | station    the last line it prints is JSON

The virtual pipeline has no raw stream, no dma_heap to take buffers from, and pykms is not there:
three stand-ins, and nothing else of picamera2 is touched.
"""

import contextlib
import io
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path[:0] = ["/opt/unit", "/opt/site"]
SIZE, SMALL = (4608, 2592), (640, 360)
NEAR = 6.0  # Mean difference of two pictures, of 255: JPEG twice, and another way of scaling.
FRAMES = 3  # Of a burst.
took: dict[str, float] = {}


class Names:
    """Any name is itself, as pykms' pixel formats are asked for."""

    def __getattr__(self, name: str) -> str:
        return name


def stand_in() -> Any:
    """Give picamera2's module, ready for the virtual camera; note how long its import took."""
    pykms = types.ModuleType("pykms")
    pykms.PixelFormat = Names()  # type: ignore[attr-defined]
    sys.modules["pykms"] = pykms
    began_s = time.monotonic()
    from picamera2 import picamera2

    took["import_s"] = time.monotonic() - began_s
    picamera2.DmaAllocator = _allocator()
    camera = picamera2.Picamera2
    camera._get_raw_modes = lambda _: [{"format": "SRGGB10", "size": SIZE, "bit_depth": 10}]
    for step in ("__init__", "configure", "start"):
        setattr(camera, step, _timed(step.strip("_"), getattr(camera, step)))
    return picamera2


def _timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        began_s = time.monotonic()
        try:
            return step(*arguments, **named)
        finally:
            took.setdefault(f"{name}_s", time.monotonic() - began_s)

    return timed


def _allocator() -> Any:
    """Make the class that gives buffers of plain memory, a plane for luma and one for chroma."""
    import libcamera
    from picamera2.allocators.allocator import Allocator, Sync

    class Mapped(Sync):  # type: ignore[misc]
        def __init__(self, allocator: Any, buffer: Any, _write: bool) -> None:
            self._map = allocator.maps[buffer]

        def __enter__(self) -> Any:
            return self._map

        def __exit__(self, *_: object) -> None:
            pass

        def get_buffer(self) -> Any:
            return self._map

    class Memory(Allocator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.sync, self.maps, self.found, self.opened = Mapped, {}, {}, []

        def allocate(self, streams: Any, _use: object) -> None:
            self.close()
            for stream in streams:
                made = [self._buffer(stream) for _ in range(stream.buffer_count)]
                self.found[stream.stream] = made

        def _buffer(self, stream: Any) -> Any:
            descriptor = os.memfd_create("frame")
            self.opened.append(descriptor)
            os.ftruncate(descriptor, stream.frame_size)
            luma = stream.stride * stream.size.height
            planes = []
            for offset, length in ((0, luma), (luma, luma // 2)):
                plane = libcamera.FrameBuffer.Plane()
                plane.fd, plane.offset, plane.length = descriptor, offset, length
                planes.append(plane)
            buffer = libcamera.FrameBuffer(planes)
            self.maps[buffer] = mmap.mmap(descriptor, stream.frame_size)
            return buffer

        def buffers(self, stream: Any) -> Any:
            return self.found[stream]

        def acquire(self, _: object) -> None:
            pass

        def release(self, _: object) -> None:
            pass

        def close(self) -> None:
            for each in self.opened:
                os.close(each)
            self.maps, self.found, self.opened = {}, {}, []

    return Memory


def _now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def _camera(flash: Any = None) -> Iterator[tuple[Any, Any]]:
    """Open our adapter and the eye on it."""
    from trapnode.devices.camera import PiCamera
    from trapnode.eye import Eye
    from trapnode.policy.light import NightPlan

    with contextlib.ExitStack() as opened:

        def lens(first: Any, starting: Any) -> Any:
            camera = PiCamera(_now, first=first, starting=starting)
            return opened.enter_context(contextlib.closing(camera))

        eye = Eye(lens, flash, NightPlan(), time.monotonic)
        yield eye, eye._lens


def shots(number: int) -> dict[str, object]:
    """Shoot, compare with the pictures fed in, count what is out, close and open again."""
    import libcamera
    import numpy as np
    from PIL import Image

    def read(source: Any, size: tuple[int, int]) -> Any:
        return np.asarray(Image.open(source).convert("RGB").resize(size), np.int16)

    fed = [read(path, SMALL) for path in sorted(Path("/opt/frames").iterdir())]

    def check(shot: Any) -> None:
        frame, preview = Image.open(io.BytesIO(shot.frame)), Image.open(io.BytesIO(shot.preview))
        assert (frame.size, preview.size) == (SIZE, SMALL), (frame.size, preview.size)
        small, seen = read(io.BytesIO(shot.frame), SMALL), read(io.BytesIO(shot.preview), SMALL)
        assert np.abs(small - seen).mean() < NEAR, np.abs(small - seen).mean()
        apart = [float(np.abs(small - each).mean()) for each in fed]
        assert min(apart) < NEAR, apart

    with _camera() as (eye, camera):
        began_s = time.monotonic()
        check(eye.shoot())
        took["first_s"] = time.monotonic() - began_s
        with _watched(camera) as (out, taken):
            began_s = time.monotonic()
            for each in range(number):
                shot = eye.shoot()
                if each % 25 == 0:
                    check(shot)
            rate = number / (time.monotonic() - began_s)
    reopened = 0
    for _ in range(3):
        with _camera() as (eye, camera):
            check(eye.shoot())
        reopened += 1
    assert threading.active_count() == 1, threading.enumerate()
    return {
        "libcamera": str(libcamera.CameraManager.singleton().version),
        **{"rate": rate, "out": max(out), "jpeg_s": sum(taken) / number, "reopened": reopened},
    }


@contextlib.contextmanager
def _watched(camera: Any) -> Iterator[tuple[list[int], list[float]]]:
    """Note at each JPEG how many requests are with us, and how long it takes."""
    import trapnode.devices.developing as module

    out, taken, encode = [0], [0.0], module._encoded

    def encoded(*arguments: Any) -> bytes:
        began_s = time.monotonic()
        try:
            return bytes(encode(*arguments))
        finally:
            taken.append(time.monotonic() - began_s)
            out.append(1 + len(camera._camera.completed_requests))

    module._encoded = encoded
    try:
        yield out, taken
    finally:
        module._encoded = encode


def hang() -> dict[str, object]:
    """Shoot, let the caller stop the camera, and end as the station does."""
    from trapnode.errors import DeviceError

    with _camera() as (eye, _):
        eye.shoot()
        print("running", flush=True)
        sys.stdin.readline()
        try:
            while True:
                eye.shoot()
        except DeviceError as error:
            print(f"DeviceError: {error}", flush=True)
    return {}


def station() -> dict[str, object]:
    """Let a station of its own process see one edge; count what is then on the card."""
    from trapnode.sim.scene import show
    from trapnode.sim.world import World

    with tempfile.TemporaryDirectory() as folder:
        world = World.create(Path(folder, "world"), _now(), 1.0, "boot")
        command = [sys.executable, __file__, "unit", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        began_s = time.monotonic()
        while not show(world.folder, []):
            assert process.poll() is None, "the station ended"
            assert time.monotonic() - began_s < 60, "no station"
            time.sleep(0.05)
        frames: list[Path] = []
        while len(frames) < FRAMES:
            assert time.monotonic() - began_s < 120, frames
            time.sleep(0.1)
            found = Path(folder, "store").rglob("*.jpg")
            frames = [path for path in found if "preview" not in path.name]
        process.terminate()
        lit_s = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])["lit_s"]
        assert process.returncode == 0, process.returncode
        return {"frames": len(frames), "lit_s": lit_s / len(frames)}


def unit() -> dict[str, object]:
    """Run the station with the real camera; the PIR, the light and all the rest are twins."""
    from trapnode.cli import eyes, main
    from trapnode.sim.flash import SimFlash

    folder, flash = Path(sys.argv[2]), SimFlash(time.monotonic)

    def camera_of(_pir: Any, _here: Any, opened: contextlib.ExitStack, *_: Any, **__: Any) -> Any:
        return opened.enter_context(_camera(flash))[0]

    eyes.camera_of = camera_of
    options = folder / "config.toml"
    options.write_text(f'[paths]\nstate = "{folder}/store"\nrun = "{folder}/world"\n', "utf-8")
    arguments = ["station", "--config", str(options), "--twins", str(folder / "world")]
    assert main(arguments) == 0
    return {"lit_s": flash.lit_s}


if __name__ == "__main__":
    stand_in()
    steps: dict[str, Callable[[], dict[str, object]]]
    steps = {"shots": lambda: shots(int(sys.argv[2])), "hang": hang, "station": station}
    print(json.dumps((steps | {"unit": unit})[sys.argv[1]]() | took))
