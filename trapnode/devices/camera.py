"""The Raspberry Pi camera, through picamera2: full resolution and a small stream in one request.

Both streams come as YUV 4:2:0: half the memory of RGB, and JPEG needs no colour conversion. The
pipeline has the last word, so the format is read from what it configured. The camera runs from
the constructor on, so that the first frame is the one it is just taking.
"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from picamera2 import MappedArray, Picamera2

from trapnode.errors import DeviceError
from trapnode.model import Shot

__all__ = ["FRAME_LONGEST_S", "PiCamera"]

log = logging.getLogger(__name__)

FRAME_LONGEST_S = 10.0  # A cold start takes about 2 s until exposure has settled.
STALE_S = 1.0  # An older frame was taken before whatever we are asked to look at.
BUFFERS = 2  # One is exposed while we hold the other; each is 12 MB and a raw one at 8 megapixels.
PREVIEW_WIDTH = 640
QUALITY = 90
PREVIEW_QUALITY = 85
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
PACKED = {"BGR888": "RGB", "RGB888": "BGR", "XBGR8888": "RGBX", "XRGB8888": "BGRX"}
"""libcamera names a format from the top of a little-endian word, simplejpeg in memory order."""


class PiCamera:
    """The one camera of a unit; `now` is the wall clock. Every method may raise DeviceError."""

    def __init__(
        self, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now, self._monotonic = now, monotonic
        self._camera: Any = None
        try:
            self._camera = Picamera2()
            self._camera.configure(_configuration(self._camera))
            self._camera.start()
        except FAULTS as error:
            self.close()
            raise DeviceError(f"camera does not start: {_said(error)}") from error

    @property
    def model(self) -> str:
        """Name the sensor, as `imx219`."""
        return str(self._open.camera_properties.get("Model", "unknown"))

    def shoot(self) -> Shot:
        """Take one frame and its preview in one request."""
        try:
            request = self._fresh()
            try:
                captured_at = self._now() - timedelta(seconds=self._age_s(request))
                frame = _jpeg(request, "main", QUALITY)
                return Shot(frame, _jpeg(request, "lores", PREVIEW_QUALITY), captured_at)
            finally:
                request.release()
        except DeviceError:
            raise
        except TimeoutError as error:
            raise DeviceError(f"camera gave no frame within {FRAME_LONGEST_S:.0f} s") from error
        except FAULTS as error:
            raise DeviceError(f"camera: {_said(error)}") from error

    def close(self) -> None:
        """Stop the camera and give it back; a second call does nothing."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            # The order to stop queues behind a request that timed out, and would wait for ever.
            camera.cancel_all_and_flush()
            camera.close()
        except FAULTS as error:
            log.warning("camera does not close: %s", _said(error))

    @property
    def _open(self) -> Any:
        if self._camera is None:
            raise DeviceError("camera is closed")
        return self._camera

    def _fresh(self) -> Any:
        """Take the frame that waits, or the next one if that is stale; the caller releases it."""
        request = self._take()
        if self._age_s(request) > STALE_S:
            request.release()
            request = self._take()
        return request

    def _take(self) -> Any:
        return self._open.capture_request(wait=False).get_result(timeout=FRAME_LONGEST_S)

    def _age_s(self, request: Any) -> float:
        """Say how long ago the frame's first row was exposed; 0 where the camera does not tell."""
        taken_ns = request.get_metadata().get("SensorTimestamp")
        return 0.0 if taken_ns is None else max(0.0, self._monotonic() - taken_ns / 1e9)


def _configuration(camera: Any) -> Any:
    width, height = camera.sensor_resolution
    small = min(PREVIEW_WIDTH, width)
    size = (small, round(small * height / width / 2) * 2)
    return camera.create_still_configuration(
        main={"format": "YUV420"},  # At the sensor's full resolution.
        lores={"format": "YUV420", "size": size},
        buffer_count=BUFFERS,
    )


def _jpeg(request: Any, stream: str, quality: int) -> bytes:
    with MappedArray(request, stream, write=False) as mapped:
        return _encoded(mapped.array, request.config[stream], quality)


def _encoded(pixels: NDArray[np.uint8], stream: Mapping[str, Any], quality: int) -> bytes:
    form, (width, height) = stream["format"], stream["size"]
    if form in PACKED:
        packed = np.ascontiguousarray(pixels)
        return bytes(simplejpeg.encode_jpeg(packed, quality, PACKED[form], "420"))
    luma, below = pixels[:height, :width], pixels[height : height * 3 // 2]
    if form in ("NV12", "NV21"):  # Both chromas in turn.
        first, second = below[:, 0:width:2], below[:, 1:width:2]
    elif form in ("YUV420", "YVU420"):  # One after the other, in rows of half the length.
        halves = below.reshape(height, -1)
        first, second = halves[: height // 2, : width // 2], halves[height // 2 :, : width // 2]
    else:
        raise DeviceError(f"camera gives {form}, not one of YUV420, NV12, RGB")
    chroma = [np.ascontiguousarray(each) for each in (first, second)]
    if form in ("NV21", "YVU420"):
        chroma.reverse()
    return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, *chroma, quality))


def _said(error: BaseException) -> str:
    """Give what an error says with its cause: picamera2's own words say little."""
    cause = error.__cause__
    return f"{error or type(error).__name__}" + (f" ({_said(cause)})" if cause else "")
