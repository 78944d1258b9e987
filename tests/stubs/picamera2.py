"""A hand-written picamera2 for tests: the part our adapter uses, with its rules.

Kept against picamera2 0.3.38. A request must be released, once; while all buffers are out, no
frame comes. The pipeline may answer a configuration with another format. Rows are padded.
"""

import numpy as np
from PIL import Image

ALIGN = 64  # Bytes: rows of the Pi 5's pipeline; 32 on earlier ones.
PACKED = {"BGR888": "RGB", "RGB888": "BGR", "XBGR8888": "RGBX", "XRGB8888": "BGRX"}


class World:
    """What the camera sees, and what is wrong with it; a test changes it."""

    formats = {}  # noqa: RUF012 - stream to the format that the pipeline insists on.
    resolution = (808, 606)
    scene = Image.new("RGB", resolution)
    monotonic_s = 100.0
    frame_s = 0.1
    properties = {"Model": "imx219"}  # noqa: RUF012
    fault = ""  # The step that fails.
    hangs = False
    timestamps = True
    opened = None
    controls = {}  # noqa: RUF012 - what the camera offers: least, most, default.
    metadata = {}  # noqa: RUF012 - what a frame tells besides.


def _step(name):
    if World.fault == name:
        raise RuntimeError(f"{name} went wrong")


class Job:
    """The one kind of job we give: the next completed request."""

    def __init__(self, camera):
        self._camera = camera

    def get_result(self, timeout=None):
        assert timeout is not None, "would wait for ever"
        if World.hangs or self._camera.outstanding == self._camera.buffers:
            World.monotonic_s += timeout
            raise TimeoutError
        self._camera.jobs.remove(self)
        return Request(self._camera)


class Request:
    """A completed request."""

    def __init__(self, camera):
        queued, camera.queued_s = camera.queued_s, None
        if queued is None:
            World.monotonic_s += World.frame_s
        self._taken_s = World.monotonic_s if queued is None else queued
        self._camera = camera
        self._released = False
        self.config = camera.config
        camera.outstanding += 1

    def get_metadata(self):
        assert not self._released
        told = dict(World.metadata) | {
            name: value for name, value in self._camera.applied.items() if value
        }
        return told | ({"SensorTimestamp": int(self._taken_s * 1e9)} if World.timestamps else {})

    def release(self):
        if self._released:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._released = True
        self._camera.outstanding -= 1


class MappedArray:
    """The pixels of a stream, valid inside `with` and before the request is released."""

    def __init__(self, request, stream, reshape=True, write=True):
        assert not request._released
        assert not write, "we only read"
        self._stream = request.config[stream]

    def __enter__(self):
        _step("mapping")
        self.array = _pixels(World.scene.resize(self._stream["size"]), self._stream)
        return self

    def __exit__(self, *_):
        self.array = None


class Picamera2:
    """The camera."""

    def __init__(self, camera_num=0):
        self.config = None
        self.applied, self.given = {}, []
        self.started = self.closed = False
        self.outstanding = 0
        self.jobs = []
        self.queued_s = None
        if World.fault == "open":
            try:
                raise OSError(16, "Device or resource busy")
            except OSError as error:
                raise RuntimeError("Camera __init__ sequence did not complete.") from error
        World.opened = self

    @property
    def sensor_resolution(self):
        return World.resolution

    @property
    def camera_controls(self):
        return World.controls

    def set_controls(self, controls):
        for name, value in controls.items():
            if name not in World.controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
            if isinstance(value, (int, float)) and value:
                least, most, _ = World.controls[name]
                assert least <= value <= most, (name, value)
        self.given.append(dict(controls))
        self.applied |= controls

    @property
    def camera_properties(self):
        return World.properties

    def create_still_configuration(self, main=None, lores=None, buffer_count=1, controls=None):
        base = {"main": {"format": "BGR888", "size": World.resolution}}
        assert set(main) | set(lores) <= {"format", "size"}
        return {
            "main": base["main"] | main,
            "lores": {"format": "YUV420", "size": World.resolution} | lores,
            "buffer_count": buffer_count,
            "controls": controls or {},
        }

    def configure(self, config):
        _step("configure")
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        for name in ("main", "lores"):
            stream = config[name]
            if stream["size"][0] % 2 or stream["size"][1] % 2:
                raise RuntimeError("width and height should be even")
            stream["format"] = World.formats.get(name, stream["format"])
            stream["stride"] = -(-_row_bytes(stream) // ALIGN) * ALIGN
        if any(
            ours > main
            for ours, main in zip(config["lores"]["size"], config["main"]["size"], strict=True)
        ):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        if not config["lores"]["format"].startswith(("YUV", "YVU", "NV")):
            raise RuntimeError("lores stream must be YUV")
        self.config, self.buffers = config, config["buffer_count"]
        self.set_controls(config["controls"])

    def start(self):
        _step("start")
        if self.config is None:
            raise RuntimeError("Camera has not been configured")
        self.started = True
        self.at_start = dict(self.applied)

    def capture_request(self, wait=None):
        _step("capture")
        assert wait is False
        if self.closed:
            raise RuntimeError("Camera is closed")
        job = Job(self)
        self.jobs.append(job)
        return job

    def cancel_all_and_flush(self):
        self.jobs.clear()

    def close(self):
        assert not self.jobs, "close waits for ever behind a job that never ends"
        assert not self.closed
        self.closed = True
        _step("close")


def _row_bytes(stream):
    return stream["size"][0] * {"8": 3, "X": 4}.get(_kind(stream["format"]), 1)


def _kind(form):
    return "" if form not in PACKED else "X" if "X" in form else "8"


def _pixels(image, stream):
    """Lay a picture out as libcamera does; padding is noise, as in a buffer used before."""
    width, height = stream["size"]
    form, stride = stream["format"], stream["stride"]
    rng = np.random.default_rng(1)
    if form in PACKED:
        deep = 4 if "X" in form else 3
        rows = rng.integers(0, 256, (height, stride), np.uint8)
        colours = np.asarray(image)
        order = [PACKED[form].index(each) for each in "RGB"]
        view = rows[:, : width * deep].reshape(height, width, deep)
        view[..., order] = colours
        rows[:, : width * deep] = view.reshape(height, -1)
        return rows[:, : width * deep].reshape(height, width, deep)
    y, cb, cr = (np.asarray(each) for each in image.convert("YCbCr").split())
    cb, cr = (each[::2, ::2] for each in (cb, cr))
    rows = rng.integers(0, 256, (height * 3 // 2, stride), np.uint8)
    rows[:height, :width] = y
    if form in ("NV12", "NV21"):
        first, second = (cb, cr) if form == "NV12" else (cr, cb)
        rows[height:, 0:width:2], rows[height:, 1:width:2] = first, second
        return rows[:, :width]
    first, second = (cr, cb) if form == "YVU420" else (cb, cr)
    halves = rows[height:].reshape(height, stride // 2)
    halves[: height // 2, : width // 2], halves[height // 2 :, : width // 2] = first, second
    return rows
