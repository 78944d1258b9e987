"""How the SBD dialogues ask: until a line fits, without believing noise, and from a clean start."""

import re

from trapnode.errors import DeviceError, ProtocolError
from trapnode.protocols.at import Answer, Ask, Dialogue, End, Expect

__all__ = ["LOCAL_S", "OPTIONAL_S", "TRIES", "ask_until", "do", "known", "only", "sync"]

TRIES = 3  # Of a question that costs nothing; a session costs, and is not tried again here.
LOCAL_S = 10.0  # What the modem knows by itself it says within milliseconds, mostly.
OPTIONAL_S = 5.0  # Some modems say nothing, not even ERROR, to what they do not know:
SILENCES = 2  # so many times nothing at all is word enough.
SETTLE_S = 0.5  # The answer to AT comes within milliseconds; what comes later is old.
NOTHING = Answer(End.SILENCE)
SYNC_TRIES = 4  # Of 30 s each: longer than the longest session or unfinished SBDWB.


def sync() -> Dialogue[None]:
    """Get an answer to AT that is ours: nothing of an earlier, aborted dialogue around it.

    Raises DeviceError for a modem that says nothing, ProtocolError for one that babbles.
    """
    heard = False
    for _ in range(SYNC_TRIES):
        answer = yield Ask(b"AT\r")
        heard = heard or answer != NOTHING
        rest = yield Ask(b"", SETTLE_S, Expect.NOTHING)
        if answer.end is End.OK and not answer.lines and not rest.lines:
            return
    if not heard:
        raise DeviceError("no answer to AT")
    raise ProtocolError("no clean answer to AT")


def do(command: bytes, timeout_s: float = LOCAL_S) -> Dialogue[bool]:
    """Have a command done, and say whether it was; one refused every time may be unknown."""
    silences = 0
    for _ in range(TRIES):
        answer = yield Ask(command + b"\r", timeout_s)
        if answer.end is End.OK:
            return True
        silences += answer == NOTHING
        if silences == SILENCES:
            break
    return False


def known(
    command: bytes, pattern: re.Pattern[str], timeout_s: float = LOCAL_S
) -> Dialogue[re.Match[str]]:
    """Ask what every modem answers; raise ProtocolError when no answer is whole."""
    found = yield from ask_until(command, pattern, timeout_s)
    if isinstance(found, End):
        raise ProtocolError(f"no whole answer to {command.decode()}")
    return found


def ask_until(
    command: bytes, pattern: re.Pattern[str], timeout_s: float = OPTIONAL_S
) -> Dialogue[re.Match[str] | End]:
    """Ask until a line fits. ERROR: the modem does not know the command; SILENCE: nobody can say.

    It does not know it when every try said ERROR, or none of the first not one byte.
    """
    answers: list[Answer] = []
    for _ in range(TRIES):
        answer = yield Ask(command + b"\r", timeout_s)
        found = only(pattern, answer)
        if found is not None:
            return found
        answers.append(answer)
        if answers == [NOTHING] * SILENCES:
            return End.ERROR
    return End.ERROR if all(each.end is End.ERROR for each in answers) else End.SILENCE


def only(pattern: re.Pattern[str], answer: Answer) -> re.Match[str] | None:
    """Give the one line of a complete answer that fits, if just one does."""
    found = [match for line in answer.lines if (match := pattern.fullmatch(line))]
    return found[0] if answer.end is End.OK and len(found) == 1 else None
