"""What is before the unit: a PIR and a camera twin fed with folders of real frames.

A scene is the frames of one real burst. Whoever replays sends scenes as datagrams to a socket in
the world's folder; the PIR rises with each and stays active until the camera has shown the last
frame. As with real animals, what comes while the station is dead is missed.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.capture import Shot
from trapnode.errors import DeviceError

if TYPE_CHECKING:
    import socket

__all__ = ["PULSE_S", "ReplayCamera", "Scene", "preview_of", "show"]

SOCKET = "scene.sock"
VIEW = "view.jpg"  # The place with nobody before the camera, if the world has such a picture.
LONGEST = 1 << 16  # Bytes of one datagram: a scene of some hundred frames.
PREVIEW = ".preview.jpg"  # Beside a picture: its small version, made before.
PREVIEW_WIDTH = 640
PREVIEW_QUALITY = 80
PULSE_S = 0.3  # The shortest of a PIR module (hardware/parts.md).
EXPOSURE_S = 0.1  # A full-resolution still and its small stream, warm.


class Scene:
    """The PIR before which scenes are played."""

    def __init__(self, folder: Path, monotonic: Callable[[], float]) -> None:
        self._path = folder / SOCKET
        self._view = folder / VIEW
        self._path.unlink(missing_ok=True)
        self._opened: socket.socket | None = None
        self._monotonic = monotonic
        self._frames: list[Path] = []
        self._walked_s = float("-inf")

    @property
    def active(self) -> bool:
        """Say whether the animal is still there, or somebody just walked by."""
        return bool(self._frames) or self._monotonic() - self._walked_s < PULSE_S

    def edges(self) -> list[float]:
        """Take the next scene's edge, if one has come."""
        with contextlib.suppress(BlockingIOError):
            self._frames = [Path(path) for path in json.loads(self._socket().recv(LONGEST))]
            edge_s = self._monotonic()
            if not self._frames:
                self._walked_s = edge_s
            return [edge_s]
        return []

    def next_frame(self) -> Path:
        """Give the next frame of the scene, or what is there without one; raise DeviceError."""
        if not self._frames and self._view.exists():
            return self._view
        if not self._frames:
            raise DeviceError("the replay camera has nothing before it: no scene was sent")
        return self._frames.pop(0)

    def fileno(self) -> int:
        """Give the descriptor that turns readable with a scene."""
        return self._socket().fileno()

    def close(self) -> None:
        """Take the socket down; again is fine."""
        if self._opened:
            self._opened.close()
        self._path.unlink(missing_ok=True)

    def _socket(self) -> "socket.socket":
        """Where scenes come; opened by the first look: the wire of a real PIR is just there."""
        if self._opened is None:
            import socket

            self._opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._opened.bind(str(self._path))
        return self._opened


def show(folder: Path, frames: Sequence[Path]) -> bool:
    """Play a scene; without frames, a short pulse and nothing else. False: no station has room."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            paths = [str(path.resolve()) for path in frames]
            sender.sendto(json.dumps(paths).encode(), str(folder / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            return False
    return True


class ReplayCamera:
    """A camera that shows real frames: the file as the still, its small version as the preview."""

    model = "replay"

    def __init__(
        self,
        next_frame: Callable[[], Path],
        now: Callable[[], datetime],
        expose: Callable[[float], object],
    ) -> None:
        self._next_frame = next_frame
        self._now = now
        self._expose = expose
        self._closed = False

    def shoot(self) -> Shot:
        """Take the next frame; raise DeviceError if there is none or it is no picture."""
        if self._closed:
            raise DeviceError("the replay camera is closed")
        path, at = self._next_frame(), self._now()
        self._expose(EXPOSURE_S)
        try:
            data = path.read_bytes()
            frame = data if data.startswith(b"\xff\xd8\xff") else _jpeg(data, None, 95)
            beside = path.with_suffix(PREVIEW)
            preview = beside.read_bytes() if beside.exists() else preview_of(data)
            return Shot(frame, preview, at)
        except (OSError, ValueError) as error:
            raise DeviceError(f"{path}: the replay camera cannot show it: {error}") from error

    def close(self) -> None:
        """Switch the camera off; again is fine."""
        self._closed = True


def preview_of(picture: bytes) -> bytes:
    """Make the preview of a picture: about 640 px wide, as the camera's small stream."""
    return _jpeg(picture, PREVIEW_WIDTH, PREVIEW_QUALITY)


def _jpeg(picture: bytes, width: int | None, quality: int) -> bytes:
    from PIL import Image

    with Image.open(BytesIO(picture)) as image:
        if width is not None:
            image.draft("RGB", (width, width * image.height // image.width))
        small = image.convert("RGB")
    if width is not None and small.width > width:
        small = small.resize((width, max(1, small.height * width // small.width)))
    written = BytesIO()
    small.save(written, "JPEG", quality=quality)
    return written.getvalue()
