"""A RAK3172 (RUI3) brought to a known state: its settings, and the dialect of its line.

Sources of the grammar: RAK's AT manual and RUI3's firmware; 1.0.4 and older leave the `AT+X=`
of an answer out, and both are read.
"""

import re
from dataclasses import dataclass, field

from trapnode.errors import DeviceError, ProtocolError
from trapnode.protocols.at import Ask, Dialogue, End, Expect
from trapnode.protocols.lines import Dialect
from trapnode.protocols.lorawan import Region

__all__ = ["RUI3", "SETTLE_S", "SHORT_S", "Network", "Started", "ask", "read", "start", "try_set"]

RUI3 = Dialect(
    error=re.compile(r"(AT_[A-Z_]+)"),
    unsolicited=re.compile(r"(?!)"),  # Events are lines: the dialogue reads them.
    echo=re.compile(r"(?!)"),  # What the module repeats proves what it heard.
    max_line=600,  # The echo of a frame of 250 bytes has 512, a downlink's event 540.
)
BANDS = {Region.RU864: 2, Region.EU868: 4, Region.AS923: 8, Region.CN470: 1}

SHORT_S = 3.0  # A command is answered within milliseconds; a module that reboots needs a second.
SETTLE_S = 0.5
SYNC_TRIES, SET_TRIES = 6, 4
EVENT = "+EVT:"


@dataclass(frozen=True, slots=True)
class Network:
    """What the module must know to join: EUIs and key as hex of 8, 8 and 16 bytes."""

    region: Region
    dev_eui: str
    app_eui: str
    app_key: str = field(repr=False)
    confirmed: bool = True
    dwell: bool = True

    def settings(self) -> tuple[tuple[str, str], ...]:
        """Give the module's settings and their values; what is no setting here stays as it is."""
        return (
            ("NWM", "1"),
            ("BAND", str(BANDS[self.region])),
            ("NJM", "1"),
            ("CLASS", "A"),
            ("DEVEUI", self.dev_eui.upper()),
            ("APPEUI", self.app_eui.upper()),
            ("APPKEY", self.app_key.upper()),
            ("CFM", str(int(self.confirmed))),
            ("RETY", "0"),  # Tries are the outbox's: seven of the module's block half an hour.
            ("ADR", "1"),
        )


FREE = ("CFM", "RETY", "ADR", "CLASS")  # To change one of the others ends a session.


@dataclass(frozen=True, slots=True)
class Started:
    """What `start` found: whether the module repeats what it is sent, and is in the network."""

    echoes: bool
    joined: bool


def start(network: Network) -> Dialogue[Started]:
    """Wake a module in any state and set it up; write only what differs, to spare its flash.

    Raises DeviceError when it is silent or stuck: only its reset pin helps then. Raises
    ProtocolError when it cannot be understood.
    """
    echoes = yield from _sync()
    changed = False
    for name, value in network.settings():
        fresh = yield from _set(name, value)
        changed = changed or (fresh and name not in FREE)
    joined = not changed and (yield from read("NJS")) == "1"
    return Started(echoes, joined)


def _sync() -> Dialogue[bool]:
    """Get a clean answer to AT; say whether the module repeats what it is sent.

    The first byte after sleep arrives garbled, and what an earlier call left may come first.
    """
    heard = clean = False
    for _ in range(SYNC_TRIES):
        answer = yield Ask(b"AT\r\n", SHORT_S)
        rest = yield Ask(b"", SETTLE_S, Expect.NOTHING)
        lines = [line for line in answer.lines + rest.lines if not line.startswith(EVENT)]
        heard = heard or bool(lines) or answer.end is not End.SILENCE
        if answer.end is End.OK and lines == ["AT"]:
            return True
        if answer.end is End.OK and not lines:
            clean = True
            yield Ask(b"ATE\r\n", SHORT_S)  # It toggles: only asked for after a clean answer.
    if clean:
        return False
    if heard:
        raise ProtocolError("no clean answer to AT")
    raise DeviceError("no answer to AT: the module is stuck or unpowered, reset it by its pin")


def try_set(name: str, value: str) -> Dialogue[bool]:
    """Have a setting as it shall be, if the module takes it; say whether it does."""
    yield Ask(f"AT+{name}={value}\r\n".encode(), SHORT_S)
    return (yield from read(name)) == value


def _set(name: str, value: str) -> Dialogue[bool]:
    """Have a setting as it shall be, proved by reading it; say whether it was another."""
    for attempt in range(SET_TRIES):
        if (yield from read(name)) == value:
            return attempt > 0
        yield Ask(f"AT+{name}={value}\r\n".encode(), SHORT_S)
    raise ProtocolError(f"the module does not take AT+{name}")  # Never the value: it may be a key.


def read(name: str) -> Dialogue[str | None]:
    """Ask for a setting until an answer is whole; None when none was."""
    found = yield from ask(name, re.compile(rf"(?:AT\+{name}=)?([0-9A-F]+)", re.IGNORECASE))
    return None if found is None else found[1].upper()


def ask(name: str, pattern: re.Pattern[str]) -> Dialogue[re.Match[str] | None]:
    """Ask for `name` until just one line fits; None when none did."""
    for _ in range(SET_TRIES):
        answer = yield Ask(f"AT+{name}=?\r\n".encode(), SHORT_S)
        found = [match for line in answer.lines if (match := pattern.fullmatch(line))]
        if answer.end is End.OK and len(found) == 1:
            return found[0]
    return None
