"""The dialogues with an Iridium 9602 or 9603 modem, as generators of `Ask` (see `at`).

Source of the grammar: Iridium ISU AT command reference and the 9523 developers' guide.
A line may lose, double or flip bytes, and "delivered" must never be wrong. So what a single
wrong byte could fake is asked for twice, by different questions: the message is read back
(SBDTC and SBDRB) before a session is paid for, and a success counts only when the modem's own
counter of successes, the MOMSN, has moved. A modem that lacks one of these commands is believed.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.errors import DeviceError, MessageRefused, ProtocolError
from trapnode.protocols.at import Answer, Ask, Block, Dialogue, End, Expect, sum16
from trapnode.protocols.iridium import Outcome, iridium_time, mo_status

__all__ = ["MAX_PAYLOAD", "Session", "check_payload", "send", "signal", "start", "system_time"]

MAX_PAYLOAD = 340  # Bytes of an MO message, 9602 and 9603.
MT_BUFFER = 270  # Bytes of an MT message; a longer MO message cannot be copied there.
SESSION_TIMEOUT_S = 90.0  # Vendors' drivers allow 60 to 90 s for one SBDIX.
WRITE_TIMEOUT_S = 62.0  # The modem itself gives up an unfinished SBDWB after 60 s.
SETTLE_S = 0.5  # The answer to AT comes within milliseconds; what comes later is old.
TRIES = 3  # Of a question that costs nothing; a session costs, and is not tried again here.
SYNC_TRIES = 4  # Of 30 s each: longer than the longest session or unfinished SBDWB.
ROUTED = b"RB"  # Rock7's gateway takes a message that begins so as one for another RockBLOCK.
SETUP = (b"ATE0", b"AT&D0", b"AT&K0", b"AT+SBDMTA=1")  # 3-wire line, and rings announced.

IMEI = re.compile(r"\d{15}")
TAKEN = re.compile("0")  # Of SBDWB; 1 is too slow, 2 wrong sum, 3 wrong size.
SBDIX = re.compile(
    r"\+SBDIX: ?(\d{1,3}), ?(\d{1,5}), ?([0-2]), ?(-1|\d{1,5}), ?(\d{1,4}), ?(\d{1,5})"
)
SBDS = re.compile(r"\+SBDS: ?([01]), ?(\d{1,5}), ?([01]), ?(-1|\d{1,5})")
COPIED = re.compile(r"SBDTC: .*size ?= ?(\d{1,4})")
CSQ = re.compile(r"\+CSQF?: ?([0-5])")
MSSTM = re.compile(r"-MSSTM: ?([0-9a-fA-F]{8}|no network service)")

AGREE = timedelta(seconds=60)  # Two readings of the time lie closer, even after slow answers.
RADIO_OFF = 34  # MO status
MT_RECEIVED = 1  # MT status


@dataclass(frozen=True, slots=True)
class Session:
    """What one SBD session did; `mo_status` is None when the modem's word was not understood."""

    outcome: Outcome
    mo_status: int | None = None
    retry_after_s: float | None = None
    downlink: bytes | None = None
    mt_queued: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    holds_message: bool
    momsn: int


def check_payload(payload: bytes) -> None:
    """Raise MessageRefused unless a modem and its gateway would take `payload` as it is."""
    if not 1 <= len(payload) <= MAX_PAYLOAD:
        raise MessageRefused(f"payload of {len(payload)} bytes; SBD takes 1 to {MAX_PAYLOAD}")
    if payload.startswith(ROUTED):
        raise MessageRefused("payload begins with 'RB': the gateway would route it elsewhere")


def start() -> Dialogue[str]:
    """Bring a modem in any state to a known one; give its IMEI.

    Raises DeviceError when it never answers, ProtocolError when it cannot be understood.
    """
    yield from _sync()
    for command in SETUP:
        yield from _do(command)
    return (yield from _known(b"AT+CGSN", IMEI))[0]


def send(payload: bytes) -> Dialogue[Session]:
    """Send one message after `start`, paid for once.

    Raises MessageRefused before a byte is written, ProtocolError when the modem cannot be
    followed: the message may then have arrived or not.
    """
    check_payload(payload)
    yield from _write(payload)
    session = yield from _session()
    if session.outcome is Outcome.REFUSED:  # For good, and one wrong digit away from 10 or 13:
        session = yield from _session()  # only the same word twice counts. Failures are free.
    return session


def _session() -> Dialogue[Session]:
    before = yield from _state()
    if before is not None and not before.holds_message:
        raise ProtocolError("the modem lost the message before the session")
    answer = yield Ask(b"AT+SBDIX\r", SESSION_TIMEOUT_S)
    found = _only(SBDIX, answer)
    if found is None:
        return Session(Outcome.RETRY, reason="no whole answer to AT+SBDIX: it may have arrived")
    status, momsn, mt_status, _mtmsn, mt_length, queued = map(int, found.groups())
    known = mo_status(status)
    if known.outcome is not Outcome.DELIVERED:
        if status == RADIO_OFF:
            yield from _do(b"AT*R1")
        return Session(known.outcome, status, known.retry_after_s, reason=known.meaning)
    after = yield from _state()
    if not _moved(before, momsn, after):
        return Session(Outcome.RETRY, status, reason=f"status {status}, yet the MOMSN stood still")
    yield from _do(b"AT+SBDD0")  # The modem keeps the message, and would send it again.
    downlink = (yield from _read_downlink(mt_length)) if mt_status == MT_RECEIVED else None
    return Session(known.outcome, status, None, downlink, queued, known.meaning)


def system_time(*, built: datetime, latest: datetime) -> Dialogue[datetime | None]:
    """Ask for the network's time; None without network, or when no era fits the two bounds."""
    moments = []
    for _ in range(2):  # A flipped digit is a plausible time: two readings must agree.
        text = (yield from _known(b"AT-MSSTM", MSSTM))[1]
        if text.startswith("no"):
            return None
        moments.append(iridium_time(int(text, 16), built=built, latest=latest))
    first, second = moments
    if first is None or second is None:
        return None
    if not timedelta(0) <= second - first <= AGREE:
        raise ProtocolError(f"two readings of the network's time: {first} and {second}")
    return second


def signal() -> Dialogue[int]:
    """Ask for the signal, 0 to 5 bars: to be shown, never to decide whether to send."""
    found = yield from _question(b"AT+CSQF", CSQ)  # The last known value, at once.
    if isinstance(found, End):
        found = yield from _known(b"AT+CSQ", CSQ)
    return int(found[1])


def _sync() -> Dialogue[None]:
    """Get an answer to AT that is ours: nothing of an earlier, aborted dialogue around it."""
    heard = False
    for _ in range(SYNC_TRIES):
        answer = yield Ask(b"AT\r")
        heard = heard or answer != Answer(End.SILENCE)
        rest = yield Ask(b"", SETTLE_S, Expect.NOTHING)
        if answer.end is End.OK and not answer.lines and not rest.lines:
            return
    if not heard:
        raise DeviceError("no answer to AT")
    raise ProtocolError("no clean answer to AT")


def _write(payload: bytes) -> Dialogue[None]:
    for _ in range(TRIES):
        if (yield from _is_taken(payload)) and (yield from _reads_back(payload)):
            return
        yield from _sync()
    raise ProtocolError(f"the modem did not take {len(payload)} bytes whole")


def _is_taken(payload: bytes) -> Dialogue[bool]:
    answer = yield Ask(b"AT+SBDWB=%d\r" % len(payload), expect=Expect.READY)
    if answer.end is not End.READY:
        return False
    answer = yield Ask(payload + sum16(payload), WRITE_TIMEOUT_S)
    return _only(TAKEN, answer) is not None


def _reads_back(payload: bytes) -> Dialogue[bool]:
    if len(payload) > MT_BUFFER:
        return True
    copied = yield from _question(b"AT+SBDTC", COPIED)
    if copied is End.ERROR:
        return True  # This modem does not know the command; the sum must do.
    if isinstance(copied, End) or int(copied[1]) != len(payload):
        return False
    block = yield from _read_block()
    yield from _do(b"AT+SBDD1")
    return block is not None and block.payload == payload


def _read_downlink(length: int) -> Dialogue[bytes | None]:
    try:
        block = yield from _read_block()
    except (ProtocolError, DeviceError):
        return None  # Our message is delivered all the same; the modem keeps the downlink.
    if block is None or len(block.payload) != length:
        return None
    yield from _do(b"AT+SBDD1")
    return block.payload


def _read_block() -> Dialogue[Block | None]:
    for _ in range(TRIES):
        answer = yield Ask(b"AT+SBDRB\r", expect=Expect.BLOCK)
        if answer.end is End.OK and answer.block is not None and answer.block.intact:
            return answer.block
        yield from _sync()
    return None


def _state() -> Dialogue[_State | None]:
    """Ask what the modem holds and has sent; None from a modem that does not know AT+SBDS."""
    found = yield from _question(b"AT+SBDS", SBDS)
    if found is End.SILENCE:
        raise ProtocolError("no whole answer to AT+SBDS")
    return None if isinstance(found, End) else _State(found[1] == "1", int(found[2]))


def _moved(before: _State | None, session: int, after: _State | None) -> bool:
    """Say whether the MOMSN moved by one; whether it is the next or the last number is unsure."""
    if before is None or after is None:
        return before is after
    return (after.momsn - before.momsn) & 0xFFFF == 1 and session in (before.momsn, after.momsn)


def _do(command: bytes) -> Dialogue[None]:
    """Have a command done; a modem that refuses it again and again may not know it."""
    for _ in range(TRIES):
        answer = yield Ask(command + b"\r")
        if answer.end is End.OK:
            return


def _known(command: bytes, pattern: re.Pattern[str]) -> Dialogue[re.Match[str]]:
    found = yield from _question(command, pattern)
    if isinstance(found, End):
        raise ProtocolError(f"no whole answer to {command.decode()}")
    return found


def _question(command: bytes, pattern: re.Pattern[str]) -> Dialogue[re.Match[str] | End]:
    """Ask until a line fits; give ERROR only when every try said so, for one may be noise."""
    ends = set()
    for _ in range(TRIES):
        answer = yield Ask(command + b"\r")
        found = _only(pattern, answer)
        if found is not None:
            return found
        ends.add(answer.end)
    return End.ERROR if ends == {End.ERROR} else End.SILENCE


def _only(pattern: re.Pattern[str], answer: Answer) -> re.Match[str] | None:
    """Give the one line of a complete answer that fits, if just one does."""
    found = [match for line in answer.lines if (match := pattern.fullmatch(line))]
    return found[0] if answer.end is End.OK and len(found) == 1 else None
