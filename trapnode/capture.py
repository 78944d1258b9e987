"""The values of a first frame, which `model` gives with all others.

Named tuples: to make one costs an eighth of what a frozen dataclass costs, 0.65 ms on a desk's
machine, and `dataclasses` itself ten. Nothing that the first frame of a boot needs imports those.
"""

from datetime import datetime
from typing import NamedTuple

from trapnode.words import CaptureMethod, ClockTrust, FrameState, TriggerSource, WakeReason

__all__ = ["Boot", "Frame", "Shot", "Trigger"]


class Trigger(NamedTuple):
    """What started a sequence: when, by the wall clock and since boot, and by what."""

    at: datetime
    monotonic_s: float
    source: TriggerSource = TriggerSource.PIR
    capture_method: CaptureMethod = CaptureMethod.ACTIVITY_DETECTION


class Shot(NamedTuple):
    """What the camera gives in one request: two JPEG files of the same moment."""

    frame: bytes  # Full resolution.
    preview: bytes  # The camera's small stream, about 640 px wide.
    captured_at: datetime


class Boot(NamedTuple):
    """One life of the machine between power on and power off."""

    id: int
    started_at: datetime
    wake_reason: WakeReason
    clock_trust: ClockTrust
    kernel_id: str = ""  # While its row is still to come: with that of its first sequence.


class Frame(NamedTuple):
    """One picture of a sequence as the card holds it; its paths leave out the archive and marks."""

    sequence: int
    number: int  # 1, 2, ... within the sequence.
    path: str
    preview_path: str
    captured_at: datetime
    state: FrameState = FrameState.WHOLE
    mark: str = ""  # In the name of a sealed file; empty: it lies open.
    preview_mark: str = ""
