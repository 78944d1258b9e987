"""The error tree: the type says what to do next."""

__all__ = [
    "CardFailed",
    "CardFull",
    "ConfigError",
    "DeviceError",
    "LinkBarred",
    "LinkUnavailable",
    "MessageRefused",
    "ProtocolError",
    "SettingsChanged",
    "StoreError",
    "TooLong",
    "TrapnodeError",
    "UplinkError",
    "UsageError",
]

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 and SIGINT, as shells have it.
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; systemd must not restart on it.


class TrapnodeError(Exception):
    """Base of every error of ours; `exit_code` is what a command ends with."""

    exit_code = EXIT_FAILED


class UsageError(TrapnodeError, ValueError):
    """Say what was asked for wrongly: a path, a number, a file of the person at the keyboard."""

    exit_code = EXIT_USAGE


class ConfigError(TrapnodeError, ValueError):
    """The configuration is wrong: a person must mend it, a restart cannot."""

    exit_code = EXIT_CONFIG


class DeviceError(TrapnodeError, OSError):
    """A device failed: end the process, systemd starts it again after 2 to 10 s, for ever."""


class StoreError(TrapnodeError, OSError):
    """The card or the store failed: end the process, systemd restarts it."""


class CardFull(StoreError):
    """The card has no room: end the sequence with what it has, make room, go on."""


class CardFailed(StoreError):
    """The card takes no more writes, or cannot be read: go on with a store in RAM."""


class SettingsChanged(TrapnodeError):
    """A command changed what this process runs with: end it, systemd starts it anew."""


class ProtocolError(TrapnodeError):
    """The peer spoke nonsense: reset the dialogue and count it."""


class UplinkError(TrapnodeError):
    """A message did not go out; the two kinds below say what becomes of it."""


class LinkUnavailable(UplinkError):
    """Keep the message and try later, with the same bytes: it may even have arrived.

    `retry_after_s` is the network's or the modem's own word on how long to wait, if it gave one.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class LinkBarred(LinkUnavailable):
    """Only a person can mend the link (locked, not paid, no antenna): hold, tell, try daily."""


class TooLong(LinkUnavailable):
    """The message is longer than what goes out now: repack it to `room` bytes, or wait."""

    def __init__(self, reason: str, room: int) -> None:
        super().__init__(reason)
        self.room = room


class MessageRefused(UplinkError):
    """The network refused this message for good: park it, never retry."""
