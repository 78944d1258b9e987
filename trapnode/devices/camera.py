"""The Raspberry Pi camera, through picamera2: full resolution and a small stream in one request.

Both streams come as YUV 4:2:0: half the memory of RGB, and JPEG needs no colour conversion. The
pipeline has the last word, so the format is read from what it configured. The camera runs from
the constructor on, so that the first frame is the one it is just taking.

Nothing may wait for ever: a frame has a deadline, and what has none of picamera2's own (opening,
starting, closing) is under the kernel's alarm, which ends the process even where it hangs in C.
"""

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from datetime import datetime, timedelta
from typing import Any

from picamera2 import Picamera2

from trapnode.devices.developing import jpeg, levels
from trapnode.errors import DeviceError
from trapnode.light import Exposure, Reading
from trapnode.model import Shot

__all__ = ["CLOSE_LONGEST_S", "FRAME_LONGEST_S", "START_LONGEST_S", "Held", "PiCamera"]

log = logging.getLogger(__name__)

FRAME_LONGEST_S = 10.0  # A cold start takes about 2 s until exposure has settled.
START_LONGEST_S = 20.0
CLOSE_LONGEST_S = 5.0
BUFFERS = 2  # One is exposed while we hold the other; each is 12 MB and a raw one at 8 megapixels.
PREVIEW_WIDTH = 640
QUALITY = 90
PREVIEW_QUALITY = 85
MANUAL_FOCUS, SHORT, FAST = 0, 1, 1  # AfModeManual, ExposureShort, NoiseReductionModeFast.
CONVERGED = 2  # AeStateConverged; older libcameras say `AeLocked`.
FAULTS = (
    RuntimeError,  # What picamera2 says of nearly everything.
    OSError,
    LookupError,  # Its older versions of "no camera".
    ValueError,
    TypeError,
    AssertionError,
    MemoryError,
    CancelledError,
)


@contextlib.contextmanager
def _alarm(longest_s: float) -> Iterator[None]:
    """End the process by SIGALRM if this is not over in time."""
    signal.setitimer(signal.ITIMER_REAL, longest_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


class Held:
    """One frame of both streams, which is the camera's again once it is released."""

    def __init__(self, request: Any, reading: Reading, captured_at: datetime) -> None:
        self._request = request
        self.reading = reading
        self._captured_at = captured_at

    def develop(self, *, grey: bool = False) -> tuple[Shot, tuple[float, float]]:
        """Give both JPEG files, and the levels of dark and bright (`levels`); raise DeviceError."""
        try:
            frame = jpeg(self._request, "main", QUALITY, grey=grey)
            preview = jpeg(self._request, "lores", PREVIEW_QUALITY, grey=grey)
            return Shot(frame, preview, self._captured_at), levels(self._request)
        except DeviceError:
            raise
        except FAULTS as error:
            raise DeviceError(f"camera: {_said(error)}") from error

    def release(self) -> None:
        """Give it back to the camera, once."""
        self._request.release()


class PiCamera:
    """The one camera of a unit; `now` is the wall clock. Every method may raise DeviceError.

    A lens that moves stays at `focus_m`: a burst has no time to look for its focus. `starting` is
    called just before the first exposure, which is made with `first` or, without, by the camera.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        focus_m: float = 2.5,
        first: Exposure | None = None,
        starting: Callable[[], None] = lambda: None,
    ) -> None:
        self._now, self._monotonic = now, monotonic
        self._camera: Any = None
        try:
            with _alarm(START_LONGEST_S):
                self._camera = Picamera2()
                self._camera.configure(_configuration(self._camera, focus_m))
                if first:
                    self.expose(first)
                starting()
                self._camera.start()
        except FAULTS as error:
            self.close()
            raise DeviceError(f"camera does not start: {_said(error)}") from error

    @property
    def model(self) -> str:
        """Name the sensor, as `imx219`."""
        return str(self._open.camera_properties.get("Model", "unknown"))

    def expose(self, exposure: Exposure | None) -> None:
        """Expose coming frames so; without, leave it to the camera. It takes some frames' time."""
        if exposure is None:
            wanted: dict[str, Any] = {"ExposureTime": 0, "AnalogueGain": 0.0, "AwbEnable": True}
        else:
            wanted = {"ExposureTime": exposure.us, "AnalogueGain": exposure.gain}
            if exposure.colour_gains:
                wanted["ColourGains"] = exposure.colour_gains
        try:
            self._open.set_controls(_offered(self._open, wanted))
        except FAULTS as error:
            raise DeviceError(f"camera does not take {exposure}: {_said(error)}") from error

    def hold(self) -> Held:
        """Take the frame that waits, or the next one; the caller releases it."""
        try:
            request = self._open.capture_request(wait=False).get_result(timeout=FRAME_LONGEST_S)
        except DeviceError:
            raise
        except TimeoutError as error:
            log.error(said := f"camera gave no frame within {FRAME_LONGEST_S:.0f} s")
            raise DeviceError(said) from error  # Said already: closing may be the end of us.
        except FAULTS as error:
            raise DeviceError(f"camera: {_said(error)}") from error
        told = request.get_metadata()
        taken_ns = told.get("SensorTimestamp")
        age_s = 0.0 if taken_ns is None else max(0.0, self._monotonic() - taken_ns / 1e9)
        return Held(request, _reading(told), self._now() - timedelta(seconds=age_s))

    def close(self) -> None:
        """Stop the camera and give it back; a second call does nothing."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            with _alarm(CLOSE_LONGEST_S):  # Its order to stop waits for ever where nobody obeys,
                camera.cancel_all_and_flush()  # and queues behind a request that timed out.
                camera.close()
        except FAULTS as error:
            log.warning("camera does not close: %s", _said(error))

    @property
    def _open(self) -> Any:
        if self._camera is None:
            raise DeviceError("camera is closed")
        return self._camera


def _configuration(camera: Any, focus_m: float) -> Any:
    width, height = camera.sensor_resolution
    small = min(PREVIEW_WIDTH, width)
    size = (small, round(small * height / width / 2) * 2)
    wanted = {
        "AfMode": MANUAL_FOCUS,
        "LensPosition": 1.0 / focus_m,  # Dioptres.
        "AeExposureMode": SHORT,  # Rather noise than blur.
        "NoiseReductionMode": FAST,  # HighQuality, a still's default, halves the burst.
    }
    return camera.create_still_configuration(
        main={"format": "YUV420"},  # At the sensor's full resolution.
        lores={"format": "YUV420", "size": size},
        buffer_count=BUFFERS,
        controls=_offered(camera, wanted),
    )


def _offered(camera: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what this camera has not, an error to picamera2, and keep to its limits."""
    limits = camera.camera_controls
    return {name: _within(value, limits[name]) for name, value in wanted.items() if name in limits}


def _within(value: Any, limits: tuple[Any, ...]) -> Any:
    """Keep a number within (least, most, default); 0 means "by itself", and is none."""
    if not value or not isinstance(value, int | float) or isinstance(value, bool):
        return value
    least, most = limits[0] or value, limits[1] or value
    return type(value)(min(max(value, least), most))


def _reading(told: Mapping[str, Any]) -> Reading:
    taken_ns, us, gain = (
        told.get(name) for name in ("SensorTimestamp", "ExposureTime", "AnalogueGain")
    )
    gains = told.get("ColourGains")
    exposure = Exposure(us, gain, tuple(gains) if gains else None) if us and gain else None
    settled = told.get("AeState", CONVERGED) == CONVERGED and told.get("AeLocked", True)
    began_s = None if taken_ns is None else taken_ns / 1e9 - (us or 0) / 1e6
    return Reading(began_s, exposure, told.get("Lux"), bool(settled))


def _said(error: BaseException) -> str:
    """Give what an error says with its cause: picamera2's own words say little."""
    cause = error.__cause__
    return f"{error or type(error).__name__}" + (f" ({_said(cause)})" if cause else "")
