"""unlock and lock: the dialogue around `policy/session.py`."""

from trapnode.console.steps import Failed, Steps
from trapnode.console.unit import Unit
from trapnode.policy.session import ROLE, SESSION_S, Barred
from trapnode.protocols.shell import ERR_LOCKED, ERR_RATE, OK

__all__ = ["challenge", "lock", "unlock"]


def challenge(unit: Unit) -> Steps:
    """Give a nonce to be answered."""
    if unit.lock.free:
        yield unit.texts("unlock.free")
        return OK
    try:
        nonce = unit.lock.challenge(unit.clock.monotonic()).hex()
    except Barred as error:
        raise Failed(ERR_RATE, "err.wait", seconds=f"{error.seconds:.0f}") from None
    yield unit.texts("unlock.nonce", nonce=nonce, role=ROLE)
    yield unit.texts("unlock.how", unit=unit.name, nonce=nonce)
    return OK


def unlock(unit: Unit, answer: str) -> Steps:
    """Try an answer."""
    if unit.lock.free:
        yield unit.texts("unlock.free")
        return OK
    try:
        left = unit.lock.unlock(answer, unit.clock.monotonic())
    except Barred as error:
        raise Failed(ERR_RATE, "err.wait", seconds=f"{error.seconds:.0f}") from None
    if left is not None:
        raise Failed(ERR_LOCKED, "err.wrong", left=left)
    yield unit.texts("unlock.done", minutes=f"{SESSION_S / 60:.0f}")
    return OK


def lock(unit: Unit) -> Steps:
    """Lock again."""
    unit.lock.close()
    yield unit.texts("unlock.free" if unit.lock.free else "lock.done")
    return OK
