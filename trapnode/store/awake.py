"""Why a unit may have to stay awake: what the rows say of this boot, and who asks for time."""

from pathlib import Path

from trapnode.model import Boot
from trapnode.policy.power import Awake
from trapnode.store import ram
from trapnode.store.consent import holders
from trapnode.store.remarks import technician_here
from trapnode.store.store import Store
from trapnode.store.tally import Tally
from trapnode.words import StickState

__all__ = ["awake_of", "silent_s"]

WORKING = (StickState.COPYING, StickState.COPIED)
NOBODY = "none"  # As the sorter names a set that could not be loaded.


def awake_of(
    store: Store, run: Path, boot: Boot, found: Tally, now_s: float, *, heard: bool, hot: bool
) -> Awake:
    """Look at rows and RAM; raise StoreError."""
    last_s, target = _this_boot(store, boot)
    return Awake(
        now_s=now_s,
        settled=heard,
        last_event_s=last_s,
        target=target,
        unsorted=found.unsorted,
        judging=not hot and ram.read_set(run) != NOBODY,
        due=0,  # The uplinker says when it rests.
        busy=tuple(_busy(run, found, now_s)),
        silent_s=silent_s(run, now_s, never_s=now_s),
    )


def silent_s(run: Path, now_s: float, never_s: float = 0.0) -> float:
    """Give the s since the station's last sign of life; `never_s` before its first."""
    beats = [beat.monotonic_s for beat in ram.read_beats(run) if beat.process == "station"]
    return max(0.0, now_s - beats[0]) if beats else never_s


def _this_boot(store: Store, boot: Boot) -> tuple[float, bool]:
    """Give the moment of this boot's last trigger, and whether it saw a target."""
    row = store.database.row(
        "SELECT coalesce(max(s.monotonic_s), 0), coalesce(max(o.target), 0)"
        " FROM sequence s LEFT JOIN observation o ON o.id = s.id WHERE s.boot = ?",
        boot.id,
    )
    assert row is not None
    return float(str(row[0])), bool(row[1])


def _busy(run: Path, found: Tally, now_s: float) -> list[str]:
    busy = holders(run, now_s)
    if technician_here(run, now_s):
        busy.append("a technician is here")
    if (stick := ram.read_stick(run)) and stick[0] in WORKING:
        busy.append("a stick is written")
    if ram.card_failed(run) and (found.unsorted or found.unclassified or found.targets):
        busy.append("pictures are in RAM only")
    return busy
