"""What the processes of a gated unit agree on before the power goes: files in RAM.

The keeper asks, the station consents while its PIR is quiet, and any edge takes the consent back
before anything else is done about it. Without a consent to this very ask nobody lets go of the
power: the keeper looks last, and systemd looks once more (trapnode-poweroff.service). Others who
want the unit awake say so with `hold`.
"""

import contextlib
import json
from pathlib import Path

from trapnode.store.ramfile import replace
from trapnode.words import WakeReason

__all__ = [
    "ask",
    "asked",
    "consent",
    "consented",
    "hold",
    "holders",
    "is_owed",
    "note_rest",
    "note_wake",
    "order_power_off",
    "read_wake",
    "rested_s",
    "settle",
    "veto",
    "withdraw",
]

ASKED = "off.asked"
CONSENT = "off.consent"
ORDER = "poweroff"  # A path unit watches for it.
REST = "modem.rest"
WAKE = "wake.json"
OWED = "wake.owed"


def ask(run: Path, number: int) -> None:
    """Ask the station whether the power may go."""
    replace(run / ASKED, {"number": number})


def asked(run: Path) -> int | None:
    """Give the number of the ask that is open; None: nobody asks."""
    return _number(run / ASKED)


def withdraw(run: Path) -> None:
    """Take the ask back, and what followed from it."""
    for name in (ORDER, CONSENT, ASKED):
        _remove(run / name)


def consent(run: Path, number: int) -> None:
    """Consent to an ask."""
    replace(run / CONSENT, {"number": number})


def veto(run: Path) -> None:
    """Take the consent back; cheap and first, because the power may go with it."""
    _remove(run / CONSENT)
    _remove(run / ORDER)


def consented(run: Path, number: int) -> bool:
    """Say whether the station consents to this ask, as of now."""
    return _number(run / CONSENT) == number


def order_power_off(run: Path) -> None:
    """Tell systemd to power the machine off, if the consent still stands when it looks."""
    replace(run / ORDER, {})


def hold(run: Path, who: str, until_s: float) -> None:
    """Keep the unit awake until a moment (monotonic, s); again moves the moment."""
    replace(run / f"{who}.awake", {"until_s": until_s})


def holders(run: Path, now_s: float) -> list[str]:
    """List who wants the unit awake now."""
    held = []
    for path in sorted(run.glob("*.awake")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if float(json.loads(path.read_text("utf-8"))["until_s"]) > now_s:
                held.append(path.stem)
    return held


def note_rest(run: Path, now_s: float) -> None:
    """Say that the uplinker found nothing to send."""
    replace(run / REST, {"at_s": now_s})


def rested_s(run: Path) -> float | None:
    """Give when the uplinker last found nothing to send; None: never yet."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads((run / REST).read_text("utf-8"))["at_s"])
    return None


def note_wake(run: Path, reason: WakeReason, *, owed: bool = False) -> None:
    """Tell all why the machine is awake; `owed`: its boot is a trigger, whose burst is to come."""
    if owed:
        replace(run / OWED, {})
    replace(run / WAKE, {"reason": reason})


def is_owed(run: Path) -> bool:
    """Say whether this boot was a trigger and nobody has made its burst: a camera that failed."""
    return (run / OWED).exists()


def settle(run: Path) -> None:
    """Say that the burst of this boot is made."""
    _remove(run / OWED)


def read_wake(run: Path) -> WakeReason | None:
    """Read why the machine is awake; None: nobody has said."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return WakeReason(json.loads((run / WAKE).read_text("utf-8"))["reason"])
    return None


def _number(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads(path.read_text("utf-8"))["number"])
    return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
