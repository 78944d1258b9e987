"""The dialogues with a RAK3172 (RUI3) LoRaWAN module, as generators of `Ask` (see `at`).

Sources of the grammar: RAK's AT manual and RUI3's firmware; 1.0.4 and older leave the `AT+X=`
of an answer out, and both are read. "Delivered" must never be wrong: the module repeats what it
is sent (ATE), and a success counts only when it repeated our frame byte for byte, and as long as
it is the network server's word on a confirmed frame. TX_DONE only says that it was on the air.
"""

import re
from dataclasses import dataclass, field

from trapnode.errors import DeviceError, MessageRefused, ProtocolError
from trapnode.protocols.at import Answer, Ask, Dialogue, End, Expect
from trapnode.protocols.lines import Dialect
from trapnode.protocols.lorawan import LARGEST, Downlink, Outcome, Region, Uplink, room

__all__ = ["RUI3", "Network", "Started", "check_payload", "send", "start"]

RUI3 = Dialect(
    error=re.compile(r"(AT_[A-Z_]+)"),
    unsolicited=re.compile(r"(?!)"),  # Events are lines: the dialogue reads them.
    echo=re.compile(r"(?!)"),  # What the module repeats proves what it heard.
    max_line=600,  # The echo of a frame of 250 bytes has 512, a downlink's event 540.
)
BANDS = {Region.RU864: 2, Region.EU868: 4, Region.AS923: 8, Region.CN470: 1}
PORT = 2  # Any of 1 to 223; our messages say themselves what they are.
SEALED_OBSERVATION = 22  # Bytes of the smallest message that tells an animal.

SHORT_S = 3.0  # A command is answered within milliseconds; a module that reboots needs a second.
SETTLE_S = 0.5
JOIN_S = 30.0  # One try: 1.5 s at SF12, windows at 5 and 6 s, and the duty cycle of the band.
SEND_S = 30.0  # One frame of 3 s, windows at 1 and 2 s, and the time to wait for the answer.
BUSY_S = 10.0  # A frame of another call is on the air.
SYNC_TRIES, SET_TRIES, JOIN_TRIES = 6, 4, 2
LONGEST_WAIT_S = 86_400.0  # What is longer is noise: no band rests for a day.

JOINED = re.compile(r"\+EVT:JOIN(?:ED|[ _]FAILED.*)")
SENT = re.compile(r"\+EVT:(TX_DONE|SEND[ _]CONFIRMED[ _](OK|FAILED(?:\(\d+\))?))")
RECEIVED = re.compile(
    r"\+EVT:RX_[12BC]:-?\d{1,3}:-?\d{1,3}:(?:UNICAST|MULTICAST):(\d{1,3}):((?:[0-9A-Fa-f]{2})*)"
)
RESTRICTED = re.compile(r"Restricted_Wait_(\d{1,9})_ms")
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


def check_payload(payload: bytes) -> None:
    """Raise MessageRefused unless some data rate would carry `payload`."""
    if not 1 <= len(payload) <= LARGEST:
        raise MessageRefused(f"payload of {len(payload)} bytes; LoRaWAN takes 1 to {LARGEST}")


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
    joined = not changed and (yield from _read("NJS")) == "1"
    return Started(echoes, joined)


def send(payload: bytes, network: Network, *, rejoin: bool = False) -> Dialogue[Uplink]:
    """Wake, join where needed (or told to), and send one frame.

    Raises MessageRefused before a byte is written; DeviceError, ProtocolError as `start`.
    """
    check_payload(payload)
    started = yield from start(network)
    if rejoin or not started.joined:
        failed = yield from _join()
        if failed is not None:
            return failed
    data_rate = yield from _read("DR")
    if data_rate is None or data_rate not in "01234567":
        raise ProtocolError("no whole answer to AT+DR=?")
    most = room(network.region, int(data_rate), dwell=network.dwell)
    if len(payload) > most:
        return _too_long(len(payload), most, f"DR{data_rate} of {network.region.value}")
    return (yield from _transmit(payload, started.echoes))


def _transmit(payload: bytes, echoes: bool) -> Dialogue[Uplink]:
    command = f"AT+SEND={PORT}:{payload.hex().upper()}"
    answer = yield Ask(f"{command}\r\n".encode(), SEND_S, until=SENT)
    heard = not echoes or command in answer.lines
    if answer.end is End.ERROR:
        return _refused(answer, len(payload), heard)
    rest = yield Ask(b"", SETTLE_S, Expect.NOTHING)  # A downlink is told after its frame.
    downlinks = _downlinks(answer.lines + rest.lines)
    found = SENT.fullmatch(answer.lines[-1]) if answer.end is End.OK else None
    if found is None:
        return Uplink(Outcome.RETRY, "no word on the frame: it may have arrived", None, downlinks)
    if not heard:
        return Uplink(Outcome.RETRY, "the module heard other bytes than ours", None, downlinks)
    if found[2] == "OK":
        return Uplink(Outcome.DELIVERED, found[1], None, downlinks)
    if found[1] == "TX_DONE":
        return Uplink(Outcome.ON_AIR, Outcome.ON_AIR.value, None, downlinks)
    return Uplink(Outcome.RETRY, "no gateway confirmed the frame", None, downlinks)


def _join() -> Dialogue[Uplink | None]:
    """Join the network; give what went wrong, or None."""
    for _ in range(JOIN_TRIES):
        answer = yield Ask(b"AT+JOIN=1:0:10:1\r\n", JOIN_S, until=JOINED)
        if answer.end is End.ERROR and (busy := _busy(answer)) is not None:
            return busy
        if (yield from _read("NJS")) == "1":
            return None
    return Uplink(Outcome.RETRY, "the network did not answer the join")


def _refused(answer: Answer, size: int, heard: bool) -> Uplink:
    reason = answer.lines[-1]
    if (busy := _busy(answer)) is not None:
        return busy
    if reason == "AT_PARAM_ERROR" and heard:  # The module told the network's MAC its answers
        return Uplink(  # in an empty frame: they had taken our room, and are gone now.
            Outcome.WAIT_OR_SPLIT, f"no room for {size} bytes beside the MAC's: wait or split"
        )
    return Uplink(Outcome.RETRY, reason)


def _busy(answer: Answer) -> Uplink | None:
    waits = [int(match[1]) / 1000 for x in answer.lines if (match := RESTRICTED.fullmatch(x))]
    if waits and max(waits) <= LONGEST_WAIT_S:
        return Uplink(Outcome.RETRY, f"duty cycle: {waits[-1]:.0f} s of silence", max(waits))
    if "AT_DUTYCYLE_RESTRICTED" in answer.lines or waits:
        return Uplink(Outcome.RETRY, "duty cycle")
    if "AT_BUSY_ERROR" in answer.lines:
        return Uplink(Outcome.RETRY, "module busy", BUSY_S)
    return None


def _too_long(size: int, most: int, rate: str) -> Uplink:
    advice = "wait or split"
    if most < SEALED_OBSERVATION:
        advice = f"no sealed observation ({SEALED_OBSERVATION}) fits: wait for a better data rate"
    return Uplink(Outcome.WAIT_OR_SPLIT, f"{size} bytes; {rate} carries {most}: {advice}")


def _downlinks(lines: tuple[str, ...]) -> tuple[Downlink, ...]:
    found = [match for line in lines if (match := RECEIVED.fullmatch(line))]
    return tuple(Downlink(int(each[1]), bytes.fromhex(each[2])) for each in found)


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


def _set(name: str, value: str) -> Dialogue[bool]:
    """Have a setting as it shall be, proved by reading it; say whether it was another."""
    for attempt in range(SET_TRIES):
        if (yield from _read(name)) == value:
            return attempt > 0
        yield Ask(f"AT+{name}={value}\r\n".encode(), SHORT_S)
    raise ProtocolError(f"the module does not take AT+{name}")  # Never the value: it may be a key.


def _read(name: str) -> Dialogue[str | None]:
    """Ask for a setting until an answer is whole; None when none was."""
    pattern = re.compile(rf"(?:AT\+{name}=)?([0-9A-F]+)", re.IGNORECASE)
    for _ in range(SET_TRIES):
        answer = yield Ask(f"AT+{name}=?\r\n".encode(), SHORT_S)
        found = [match for line in answer.lines if (match := pattern.fullmatch(line))]
        if answer.end is End.OK and len(found) == 1:
            return found[0][1].upper()
    return None
