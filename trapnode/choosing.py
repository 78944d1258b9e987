"""Which set judges: the first of the unit's sets that can be trusted; what it passed over is told.

A set is passed over when it is not as it passed its self-test, when it does not load, or when it
ended the sorter again and again before it judged one sequence. No more than one set is in memory.
The configured set is the last resort: it is passed over only until the next boot.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from trapnode.errors import DeviceError, StoreError, TrapnodeError
from trapnode.judging import Judge
from trapnode.model import Judgement
from trapnode.store import ram
from trapnode.store.sets import CONFIGURED, DEATHS, Sets

__all__ = ["Chooser"]

LOADING = "loading"


class Chooser:
    """The sorter's source of judges; `load` loads the set of a card, None: the configured one.

    `configured` names that one, `run` is the folder in RAM.
    """

    def __init__(
        self, sets: Sets, load: Callable[[Path | None], Judge], run: Path, configured: str
    ) -> None:
        self._sets = sets
        self._load = load
        self._run = run
        self._configured = configured
        self._mark: tuple[int, int] | None = None
        self.fault = ""

    def changed(self) -> bool:
        """Say whether a person has changed the order of the sets since the last load."""
        return self._sets.mark() != self._mark

    def load(self) -> Judge:
        """Load the first set that can be trusted; raise DeviceError if none can."""
        self._mark = self._sets.mark()
        passed_over = []
        try:
            order = self._sets.order()
        except StoreError as error:
            passed_over.append(str(error))
            order = (CONFIGURED,)
        for name in order:
            try:
                judge = self._loaded(name)
            except (TrapnodeError, MemoryError) as error:
                passed_over.append(f"set {name}: {str(error) or type(error).__name__}")
                continue
            told = "; ".join([*passed_over, f"judging by {judge.name}"])
            self.fault = told if passed_over else ""
            return judge
        raise DeviceError("; ".join(passed_over))

    def _loaded(self, name: str) -> Judge:
        if name == CONFIGURED:
            return self._last_resort()
        if (deaths := self._sets.deaths(name)) >= DEATHS:
            raise DeviceError(f"it ended the sorter {deaths} times before it judged a sequence")
        card = self._sets.card(name)
        with self._sets.trial(name):
            return _OnTrial(self._load(card), self._sets, name)

    def _last_resort(self) -> Judge:
        """Load the configured set; its deaths are counted in RAM, so that a new boot tries anew."""
        if ram.begin(self._run, LOADING, self._configured) > DEATHS:
            raise DeviceError(f"it ended the sorter {DEATHS} times while it loaded, since boot")
        try:
            judge = self._load(None)
        except (TrapnodeError, MemoryError, ValueError):  # What the sorter survives is no death.
            ram.end(self._run, LOADING)
            raise
        ram.end(self._run, LOADING)
        return judge


class _OnTrial:
    """A judge whose first sequences may be the end of the process."""

    def __init__(self, judge: Judge, sets: Sets, folder: str) -> None:
        self._judge = judge
        self._sets = sets
        self._folder = folder
        self._over = False
        self.name, self.labels, self.thresholds = judge.name, judge.labels, judge.thresholds

    def judge(
        self, pictures: Iterable[bytes | None], past: Sequence[bytes] = ()
    ) -> list[Judgement]:
        """Judge a sequence as the set does; the first one that it judges ends the trial."""
        if self._over:
            return self._judge.judge(pictures, past)
        with self._sets.trial(self._folder):
            found = self._judge.judge(pictures, past)
        if any(each.scores for each in found):
            self._sets.judged(self._folder)
            self._over = True
        return found
