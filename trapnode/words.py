"""The words of the rows: states, kinds and reasons, in Camtrap DP 1.0.2 words where it has one."""

from enum import StrEnum

__all__ = [
    "CaptureMethod",
    "CardCause",
    "CardState",
    "ClockTrust",
    "FrameState",
    "Light",
    "MessageKind",
    "MessageState",
    "ObservationType",
    "SequenceState",
    "Stage",
    "StickState",
    "TriggerSource",
    "Unjudged",
    "Verdict",
    "WakeReason",
]


class CaptureMethod(StrEnum):
    """Camtrap DP `captureMethod`."""

    ACTIVITY_DETECTION = "activityDetection"
    TIME_LAPSE = "timeLapse"


class TriggerSource(StrEnum):
    """What made us look: an edge of the PIR, or somebody at the cable."""

    PIR = "pir"
    TECHNICIAN = "technician"
    ADOPTED = "adopted"  # Files found on the card without a row: nobody knows any more.


class WakeReason(StrEnum):
    """Why the unit is awake; every boot's record carries it."""

    PIR = "pir"
    ALARM = "alarm"
    TECHNICIAN = "technician"
    WATCHDOG = "watchdog"
    POWER_ON = "power_on"


class ClockTrust(StrEnum):
    """Where the wall clock's time came from, worst first."""

    NONE = "none"  # Earlier than this software was built, or nothing kept it.
    RTC = "rtc"
    NETWORK = "network"  # Iridium, LoRaWAN or a technician set it.


class CardState(StrEnum):
    """How the card is."""

    OK = "ok"
    FULL = "full"  # All that may go has gone, and still there is little room.
    FAILING = "failing"  # It reads back other bytes than were written.
    FAILED = "failed"  # It takes no more writes: the store is in RAM.


class CardCause(StrEnum):
    """Why the card takes no more writes."""

    OTHER = "other"
    READ_ONLY = "read_only"
    IO_ERROR = "io_error"
    GONE = "gone"
    FULL = "full"  # There is not even room to open the store.


class SequenceState(StrEnum):
    """How far a sequence has come."""

    OPEN = "open"  # Its burst goes on.
    UNSORTED = "unsorted"
    SORTED = "sorted"


class FrameState(StrEnum):
    """What the card holds of a frame."""

    WHOLE = "whole"
    DISCARDING = "discarding"  # The verdict is on the card, the pixels are about to go.
    DISCARDED = "discarded"  # The preview and the scores stay.
    LOST = "lost"  # The row is there, the file is not.
    EVICTING = "evicting"  # The card is full, the pixels are about to go.
    EVICTED = "evicted"  # The preview and the scores stay.
    FADING = "fading"  # The card is full, the preview of a blank is about to go too.
    FADED = "faded"  # The scores stay.
    PURGED = "purged"  # A verified dump holds it, so the pixels may go; the preview stays.


class Verdict(StrEnum):
    """What the sorter decides about a sequence."""

    KEEP = "keep"
    DISCARD = "discard"


class ObservationType(StrEnum):
    """Camtrap DP `observationType`."""

    ANIMAL = "animal"
    HUMAN = "human"
    VEHICLE = "vehicle"
    BLANK = "blank"
    UNKNOWN = "unknown"  # Something below the threshold.
    UNCLASSIFIED = "unclassified"  # Never classified.


class Unjudged(StrEnum):
    """Why a frame has no scores."""

    PICTURE = "picture"  # There is none, or it cannot be decoded.
    COVERED = "covered"  # Dark, white, or the lens is covered: nobody could see anything.
    MODEL = "model"  # The model failed.


class MessageKind(StrEnum):
    """What one message carries."""

    OBSERVATIONS = "observations"
    STATUS = "status"
    CARD_FAILED = "card_failed"
    SUPPRESSED = "suppressed"
    ANSWER = "answer"
    FRAGMENT = "fragment"
    COMMANDS = "commands"  # The only one that goes down.


class MessageState(StrEnum):
    """How far a frozen message has come; parked is what the network refused for good."""

    QUEUED = "queued"
    ATTEMPTED = "attempted"
    ACCEPTED = "accepted"  # The gateway's word.
    ON_AIR = "on_air"  # Sent, and nobody confirmed it.
    ACKNOWLEDGED = "acknowledged"  # The receiver's word.
    PARKED = "parked"
    VOID = "void"  # Never sent (again): what it tells goes under a new counter.


class StickState(StrEnum):
    """How a stick in the unit is, once somebody plugged one in."""

    COPYING = "copying"
    COPIED = "copied"  # Whole and synced, but not unmounted yet.
    DONE = "done"  # It may be pulled.
    REFUSED = "refused"
    FULL = "full"
    FAILED = "failed"
    PULLED = "pulled"


class Stage(StrEnum):
    """How far the battery is gone, best first: each does less than the one before."""

    FULL = "full"
    FEWER = "fewer"  # Fewer frames.
    NO_PREVIEWS = "no_previews"  # And no picture by radio.
    TARGETS = "targets"  # Only targets are told, and the status.
    STATUS = "status"  # Only the status is told.
    OFF = "off"  # One frame of each trigger, and nothing else.


class Light(StrEnum):
    """What the LED shows of a stick."""

    OFF = "off"  # There is none.
    SLOW = "slow"  # It is being written.
    ON = "on"  # It may be pulled.
    FAST = "fast"  # It is of no use as it is; `status` says why.
