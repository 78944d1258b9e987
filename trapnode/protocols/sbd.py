"""The dialogues with an Iridium 9602 or 9603 modem, as generators of `Ask` (see `at`).

Source of the grammar: Iridium ISU AT command reference and the 9523 developers' guide.
A line may lose, double or flip bytes, and "delivered" must never be wrong. So what a single
wrong byte could fake is asked for twice, by different questions: the message is read back
(SBDTC and SBDRB) before a session is paid for, and a success counts only when the modem's own
counter of successes, the MOMSN, has moved. A modem that lacks one of these commands is believed.
Where the word on a session is lost, the MOMSN alone says what became of it: before and after
are then each read twice, and the `Ledger` keeps the one before for a later call.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.errors import DeviceError, MessageRefused, ProtocolError
from trapnode.protocols import buffers
from trapnode.protocols.asking import OPTIONAL_S, ask_until, do, known, only, sync
from trapnode.protocols.at import AT_TIMEOUT_S, Ask, Dialogue, End
from trapnode.protocols.buffers import MAX_PAYLOAD, State
from trapnode.protocols.iridium import Outcome, iridium_time, mo_status

__all__ = [
    "MAX_PAYLOAD",
    "Ledger",
    "Session",
    "announced",
    "check_payload",
    "fetch",
    "flush",
    "identity",
    "send",
    "signal",
    "start",
    "system_time",
]

SESSION_TIMEOUT_S = 90.0  # Vendors' drivers allow 60 to 90 s for one SBDIX.
ROUTED = b"RB"  # Rock7's gateway takes a message that begins so as one for another RockBLOCK.
SETUP = (b"ATE0", b"AT&D0", b"AT&K0", b"AT+SBDMTA=1")  # 3-wire line, and rings announced.
SESSION = {False: b"AT+SBDIX\r", True: b"AT+SBDIXA\r"}  # The second answers a ring.

IMEI = re.compile(r"\d{1,15}")  # 15; an emulator says fewer, and it is only shown.
SBDIX = re.compile(
    r"\+SBDIX: ?(\d{1,3}), ?(\d{1,5}), ?([0-2]), ?(-1|\d{1,5}), ?(\d{1,4}), ?(\d{1,5})"
)
CRIS = re.compile(r"\+CRIS: ?\d{1,3}, ?(\d{1,3})")  # Of the telephone, and of SBD.
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
    barred: bool = False  # Only a person can mend what stands against it.


@dataclass(slots=True)
class Ledger:
    """The session that is not done with: its message, the MOMSN before it, its proved success."""

    payload: bytes = b""
    before: State | None = None
    word: re.Match[str] | None = None

    def settle(self) -> None:
        """Forget it: nothing is left to do, or its end will never be known."""
        self.payload, self.before, self.word = b"", None, None


def check_payload(payload: bytes) -> None:
    """Raise MessageRefused unless a modem and its gateway would take `payload` as it is."""
    if not 1 <= len(payload) <= MAX_PAYLOAD:
        raise MessageRefused(f"payload of {len(payload)} bytes; SBD takes 1 to {MAX_PAYLOAD}")
    if payload.startswith(ROUTED):
        raise MessageRefused("payload begins with 'RB': the gateway would route it elsewhere")


def start() -> Dialogue[None]:
    """Bring a modem in any state to a known one.

    Raises DeviceError when it never answers, ProtocolError when it cannot be understood.
    """
    yield from sync()
    for command in SETUP:
        yield from do(command, OPTIONAL_S)


def identity() -> Dialogue[str]:
    """Ask for the IMEI."""
    return (yield from known(b"AT+CGSN", IMEI))[0]


def send(payload: bytes, ledger: Ledger, *, rings: bool = False) -> Dialogue[Session]:
    """Send one message after `start`, paid for once; `rings`: a downlink is announced.

    A session of the same message that `ledger` holds is settled first, and only paid for again
    when it failed. Raises MessageRefused before a byte is written, ProtocolError when the modem
    cannot be followed: the message may then have arrived or not.
    """
    check_payload(payload)
    if ledger.word is not None and ledger.payload == payload:
        return (yield from _finish(ledger, ledger.word))
    if ledger.before is not None and ledger.payload == payload:
        settled = yield from _settle(ledger)
        if settled.outcome is Outcome.DELIVERED:
            return settled
    ledger.settle()
    yield from buffers.write(payload)
    session = yield from _session(payload, ledger, rings)
    if session.outcome is Outcome.REFUSED or session.barred:  # One wrong digit away from 10 or 11:
        session = yield from _session(payload, ledger, rings)  # only the word said twice counts.
    return session


def fetch(ledger: Ledger) -> Dialogue[Session]:
    """Fetch a downlink after `start` for a credit; what `ledger` holds stays unknown for ever."""
    ledger.settle()
    yield from buffers.clear_mo()
    held = yield from buffers.state()
    if held is not None and held.holds_message:
        raise ProtocolError("the modem keeps an old message, and would send it again")
    found = only(SBDIX, (yield Ask(SESSION[True], SESSION_TIMEOUT_S)))
    if found is None:
        return Session(Outcome.RETRY, reason="no whole answer to AT+SBDIXA")
    return (yield from _ended(found))


def _session(payload: bytes, ledger: Ledger, rings: bool) -> Dialogue[Session]:
    before = yield from buffers.steady()
    if before is not None and not before.holds_message:
        raise ProtocolError("the modem lost the message before the session")
    ledger.payload, ledger.before = payload, before
    found = only(SBDIX, (yield Ask(SESSION[rings], SESSION_TIMEOUT_S)))
    if found is None and before is not None:
        yield from sync()  # It may still be in its session.
        return (yield from _settle(ledger))
    if found is None:
        return Session(Outcome.RETRY, reason="no whole answer to AT+SBDIX: it may have arrived")
    if before is not None and mo_status(int(found[1])).outcome is Outcome.DELIVERED:
        after = yield from buffers.state()
        if not _moved(before, int(found[2]), after):
            still = f"status {found[1]}, yet the MOMSN stood still"
            return Session(Outcome.RETRY, int(found[1]), reason=still)
    if mo_status(int(found[1])).outcome is Outcome.DELIVERED:
        ledger.word = found  # From here the line may break: it is paid for, and known to be.
    return (yield from _finish(ledger, found))


def _finish(ledger: Ledger, word: re.Match[str]) -> Dialogue[Session]:
    session = yield from _ended(word)
    ledger.settle()
    return session


def _ended(found: re.Match[str]) -> Dialogue[Session]:
    """Do what a session's word asks for: clear what was sent, read what came."""
    status, _momsn, mt_status, _mtmsn, mt_length, queued = map(int, found.groups())
    said = mo_status(status)
    if said.outcome is not Outcome.DELIVERED:
        if status == RADIO_OFF:
            yield from do(b"AT*R1")
        return Session(said.outcome, status, said.retry_after_s, None, 0, said.meaning, said.barred)
    yield from buffers.clear_mo()
    downlink = (yield from _downlink(mt_length)) if mt_status == MT_RECEIVED else None
    return Session(said.outcome, status, None, downlink, queued, said.meaning)


def _settle(ledger: Ledger) -> Dialogue[Session]:
    """Say by the MOMSN what became of a session whose word was lost."""
    before, after, sent = ledger.before, (yield from buffers.steady()), ledger.payload
    ledger.settle()
    if before is None or after is None or not _is_next(before, after):
        return Session(Outcome.RETRY, reason="the word on it was lost: it may have arrived")
    yield from buffers.clear_mo()
    downlink = (yield from _downlink(None)) if after.holds_downlink else None
    if downlink in (sent, b""):
        downlink = None  # What was read back before the session.
    return Session(Outcome.DELIVERED, None, None, downlink, 0, "the word was lost, the MOMSN moved")


def _is_next(before: State, after: State) -> bool:
    """Say whether just one session succeeded, and no other program's: our message is there."""
    return after.holds_message and (after.momsn - before.momsn) & 0xFFFF == 1


def _moved(before: State, session: int, after: State | None) -> bool:
    """Say whether the MOMSN moved by one; whether it is the next or the last number is unsure."""
    if after is None:
        return False
    return (after.momsn - before.momsn) & 0xFFFF == 1 and session in (before.momsn, after.momsn)


def _downlink(length: int | None) -> Dialogue[bytes | None]:
    try:
        block = yield from buffers.read()
    except (ProtocolError, DeviceError):
        return None  # Our message is delivered all the same; the modem keeps the downlink.
    if block is None or length not in (None, len(block.payload)):
        return None
    yield from do(b"AT+SBDD1")
    return block.payload


def announced() -> Dialogue[bool]:
    """Ask after `start` whether the network has rung since the last session; costs nothing."""
    found = yield from ask_until(b"AT+CRIS", CRIS)
    return not isinstance(found, End) and int(found[1]) > 0


def flush() -> Dialogue[None]:
    """Have the modem write all to its flash, before its power goes."""
    yield from sync()
    yield from do(b"AT*F")


def system_time(*, built: datetime, latest: datetime) -> Dialogue[datetime | None]:
    """Ask for the network's time; None without network, or when no era fits the two bounds."""
    moments = []
    for _ in range(2):  # A flipped digit is a plausible time: two readings must agree.
        text = (yield from known(b"AT-MSSTM", MSSTM))[1]
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
    found = yield from ask_until(b"AT+CSQF", CSQ)  # The last known value, at once.
    if isinstance(found, End):
        found = yield from known(b"AT+CSQ", CSQ, AT_TIMEOUT_S)  # It may measure for 20 s.
    return int(found[1])
