"""The two buffers of an SBD modem: what goes out (MO), what came in (MT), and their numbers."""

import re
from dataclasses import dataclass

from trapnode.errors import ProtocolError
from trapnode.protocols.asking import TRIES, ask_until, do, only, sync
from trapnode.protocols.at import Ask, Block, Dialogue, End, Expect, sum16

__all__ = ["MAX_PAYLOAD", "MT_BUFFER", "State", "clear_mo", "read", "state", "steady", "write"]

MAX_PAYLOAD = 340  # Bytes of an MO message, 9602 and 9603.
MT_BUFFER = 270  # Bytes of an MT message; a longer MO message cannot be copied there.
WRITE_TIMEOUT_S = 62.0  # The modem itself gives up an unfinished SBDWB after 60 s.

TAKEN = re.compile("0")  # Of SBDWB; 1 is too slow, 2 wrong sum, 3 wrong size.
COPIED = re.compile(r"SBDTC: .*size ?= ?(\d{1,4})")
SBDS = re.compile(r"\+SBDS: ?([01]), ?(\d{1,5}), ?([01]), ?(-1|\d{1,5})")


@dataclass(frozen=True, slots=True)
class State:
    """What the buffers hold, and the modem's counter of successful sessions (0 to 65535)."""

    holds_message: bool
    momsn: int
    holds_downlink: bool


def write(payload: bytes) -> Dialogue[None]:
    """Put a message into the modem and read it back; raise ProtocolError when it is not whole."""
    for _ in range(TRIES):
        if (yield from _is_taken(payload)) and (yield from _reads_back(payload)):
            return
        yield from sync()
    raise ProtocolError(f"the modem did not take {len(payload)} bytes whole")


def read() -> Dialogue[Block | None]:
    """Read the downlink, whole; it stays in the modem until cleared. None: no answer was whole."""
    for _ in range(TRIES):
        answer = yield Ask(b"AT+SBDRB\r", expect=Expect.BLOCK)
        if answer.end is End.OK and answer.block is not None and answer.block.intact:
            return answer.block
        yield from sync()
    return None


def clear_mo() -> Dialogue[bool]:
    """Forget the message: the modem keeps it after a success, and would send it again."""
    return (yield from do(b"AT+SBDD0"))


def state() -> Dialogue[State | None]:
    """Ask what the modem holds and has sent; None from a modem that does not know AT+SBDS."""
    found = yield from ask_until(b"AT+SBDS", SBDS)
    if found is End.SILENCE:
        raise ProtocolError("no whole answer to AT+SBDS")
    if isinstance(found, End):
        return None
    return State(found[1] == "1", int(found[2]), found[3] == "1")


def steady() -> Dialogue[State | None]:
    """Ask for the state until it says the same twice: one flipped digit is a plausible number."""
    before = yield from state()
    for _ in range(TRIES):
        if before is None:
            return None
        again = yield from state()
        if again == before:
            return again
        before = again
    raise ProtocolError("no two answers to AT+SBDS agree")


def _is_taken(payload: bytes) -> Dialogue[bool]:
    answer = yield Ask(b"AT+SBDWB=%d\r" % len(payload), expect=Expect.READY)
    if answer.end is not End.READY:
        return False
    answer = yield Ask(payload + sum16(payload), WRITE_TIMEOUT_S)
    return only(TAKEN, answer) is not None


def _reads_back(payload: bytes) -> Dialogue[bool]:
    if len(payload) > MT_BUFFER:
        return True
    copied = yield from ask_until(b"AT+SBDTC", COPIED)
    if copied is End.ERROR:
        return True  # This modem does not know the command; the sum must do.
    if isinstance(copied, End) or int(copied[1]) != len(payload):
        return False
    block = yield from read()
    yield from do(b"AT+SBDD1")
    return block is not None and block.payload == payload
