"""The dialogues with a RAK3172 (RUI3) LoRaWAN module, as generators of `Ask` (see `at`).

Sources of the grammar: RAK's AT manual and RUI3's firmware; 1.0.4 and older leave the `AT+X=`
of an answer out, and both are read. "Delivered" must never be wrong: the module repeats what it
is sent (ATE), and a success counts only when it repeated our frame byte for byte, and as long as
it is the network server's word on a confirmed frame. TX_DONE only says that it was on the air.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trapnode.errors import MessageRefused, ProtocolError
from trapnode.protocols.at import Answer, Ask, Dialogue, End, Expect
from trapnode.protocols.lorawan import (
    LARGEST,
    ORDINARY,
    SEALED_OBSERVATION,
    Downlink,
    Outcome,
    Uplink,
    lowest_rate,
    room,
)
from trapnode.protocols.rui3_module import SETTLE_S, Network, ask, read, start, try_set

__all__ = ["PORT", "about", "check_payload", "network_time", "send"]

PORT = 2  # Any of 1 to 223; our messages say themselves what they are.

JOIN_S = 30.0  # One try: 1.5 s at SF12, windows at 5 and 6 s, and the duty cycle of the band.
SEND_S = 30.0  # One frame of 3 s, windows at 1 and 2 s, and the time to wait for the answer.
BUSY_S = 10.0  # A frame of another call is on the air.
JOIN_TRIES = 2
LONGEST_WAIT_S = 86_400.0  # What is longer is noise: no band rests for a day.
AGREE = timedelta(seconds=30)  # Two readings of the time lie closer.

JOINED = re.compile(r"\+EVT:JOIN(?:ED|[ _]FAILED.*)")
SENT = re.compile(r"\+EVT:(TX_DONE|SEND[ _]CONFIRMED[ _](OK|FAILED(?:\(\d+\))?))")
RECEIVED = re.compile(
    r"\+EVT:RX_[12BC]:-?\d{1,3}:-?\d{1,3}:(?:UNICAST|MULTICAST):(\d{1,3}):((?:[0-9A-Fa-f]{2})*)"
)
RESTRICTED = re.compile(r"Restricted_Wait_(\d{1,9})_ms")
LTIME = re.compile(r"(?:AT\+)?LTIME[=:] ?(\d\d)h(\d\d)m(\d\d)s on (\d\d)/(\d\d)/(\d{4})")


def check_payload(payload: bytes) -> None:
    """Raise MessageRefused unless some data rate would carry `payload`."""
    if not 1 <= len(payload) <= LARGEST:
        raise MessageRefused(f"payload of {len(payload)} bytes; LoRaWAN takes 1 to {LARGEST}")


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
    rate, stays = yield from _rate_for(len(payload), network)
    most = room(network.region, rate, dwell=network.dwell)
    if len(payload) > most:
        return _too_long(len(payload), most, f"DR{rate} of {network.region.value}")
    sent = yield from _transmit(payload, started.echoes)
    if rate != stays:
        yield from try_set("DR", str(stays))
    if sent.outcome is Outcome.WAIT_OR_SPLIT:
        return sent
    return replace(sent, room=room(network.region, stays, dwell=network.dwell))


def about(network: Network) -> Dialogue[str]:
    """Say how the module is, for a person; costs nothing."""
    joined = (yield from start(network)).joined
    rate, _ = yield from _rate_for(SEALED_OBSERVATION, network)
    most = room(network.region, rate, dwell=network.dwell)
    there = "joined" if joined else "not joined yet"
    return f"{network.region.value}, {there}, DR{rate} carries {most} bytes"


def network_time(
    network: Network, *, built: datetime, latest: datetime
) -> Dialogue[datetime | None]:
    """Give the network's time, where an earlier uplink brought it, and ask that the next one does.

    None when the module's clock is outside the two bounds: it was not set yet.
    """
    joined = (yield from start(network)).joined
    first, second = (yield from _clock()), (yield from _clock())
    if joined:
        yield from try_set("TIMEREQ", "1")
    if first is None or second is None or not built <= second <= latest:
        return None
    if not timedelta(0) <= second - first <= AGREE:
        raise ProtocolError(f"two readings of the network's time: {first} and {second}")
    return second


def _clock() -> Dialogue[datetime | None]:
    """Read the module's clock: month before day, and UTC, as its firmware writes it."""
    found = yield from ask("LTIME", LTIME)
    if found is None:
        return None
    hour, minute, second, month, day, year = map(int, found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _rate_for(size: int, network: Network) -> Dialogue[tuple[int, int]]:
    """Give the data rate for an ordinary message of `size` bytes, and the one to leave behind.

    It is raised where nothing of use would go: a module begins at the slowest, and a network
    speeds up only whom it hears, so under dwell time nothing would ever be sent at DR2. For a
    longer message it is raised for that one only: the slower, the farther.
    """
    region, dwell, stays = network.region, network.dwell, (yield from _data_rate())
    lowest = lowest_rate(region, dwell=dwell)
    if stays < lowest and (yield from try_set("DR", str(lowest))):
        stays = lowest
    needed = lowest_rate(region, min(size, ORDINARY), dwell=dwell)
    if stays < needed and (yield from try_set("DR", str(needed))):
        return needed, stays
    return stays, stays


def _data_rate() -> Dialogue[int]:
    found = yield from read("DR")
    if found is None or found not in "01234567":
        raise ProtocolError("no whole answer to AT+DR=?")
    return int(found)


def _transmit(payload: bytes, echoes: bool) -> Dialogue[Uplink]:
    command = f"AT+SEND={PORT}:{payload.hex().upper()}"
    answer = yield Ask(f"{command}\r\n".encode(), SEND_S, until=SENT)
    heard = not echoes or command in answer.lines
    if answer.end is End.ERROR:
        return _refused(answer, len(payload), heard)
    rest = yield Ask(b"", SETTLE_S, Expect.NOTHING)  # A downlink is told after its frame.
    downlinks = _downlinks(answer.lines + answer.after + rest.lines)
    found = SENT.fullmatch(answer.lines[-1]) if answer.end is End.OK else None
    if found is None:
        return Uplink(Outcome.RETRY, "no word on the frame: it may have arrived", None, downlinks)
    if not heard:
        return Uplink(Outcome.RETRY, "the module heard other bytes than ours", None, downlinks)
    if found[2] == "OK":
        return Uplink(Outcome.DELIVERED, found[1], None, downlinks)
    if found[1] == "TX_DONE":
        return Uplink(Outcome.ON_AIR, Outcome.ON_AIR.value, None, downlinks)
    reason = "no gateway confirmed the frame"
    return Uplink(Outcome.RETRY, reason, None, downlinks, unanswered=True)


def _join() -> Dialogue[Uplink | None]:
    """Join the network; give what went wrong, or None."""
    for _ in range(JOIN_TRIES):
        answer = yield Ask(b"AT+JOIN=1:0:10:1\r\n", JOIN_S, until=JOINED)
        if answer.end is End.ERROR and (busy := _busy(answer)) is not None:
            return busy
        if (yield from read("NJS")) == "1":
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
    reason = f"{size} bytes; {rate} carries {most}: {advice}"
    return Uplink(Outcome.WAIT_OR_SPLIT, reason, room=most)


def _downlinks(lines: tuple[str, ...]) -> tuple[Downlink, ...]:
    found = [match for line in lines if (match := RECEIVED.fullmatch(line))]
    return tuple(Downlink(int(each[1]), bytes.fromhex(each[2])) for each in found)
