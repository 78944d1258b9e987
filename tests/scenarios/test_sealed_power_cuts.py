"""Power cuts of a unit that seals: what is sealed is whole, and what RAM loses is kept."""

import shutil
from pathlib import Path

import pytest

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    KnowingClassifier,
    NumberedCamera,
    boot,
    number_of,
    sort_all,
    sorter_of,
    station_of,
    take,
    watch_pir,
)
from tests.faults import KEEP_ALL, ForgetfulDisk, Power, every_cut
from tests.invariants import RUN, check_card, frames_on, goes_on, recovered
from tests.sealed import SealedPower, open_picture
from trapnode.model import Shot
from trapnode.sim.clock import SteppedClock
from trapnode.store import names
from trapnode.store.store import Store

SCENES = (BLANK, LEOPARD, DEER)


class PromisingCamera(NumberedCamera):
    """A camera that notes which frames the rows promise while the next one is taken."""

    def __init__(self, clock: SteppedClock, store: Store, power: Power) -> None:
        super().__init__(clock)
        self._store = store
        self._power = power

    def shoot(self) -> Shot:
        self.note()
        return super().shoot()

    def note(self) -> None:
        root = self._store.archive.root
        rows = self._store.database.rows("SELECT path, mark FROM frame")
        files = [root / names.stored(str(path), str(mark)) for path, mark in rows]
        self._power.told[:] = [number_of(open_picture(file)) for file in files]


def bursts(state: Path, power: Power) -> None:
    clock, store = SteppedClock(), power.open(state)
    (state / RUN).mkdir(exist_ok=True)
    camera = PromisingCamera(clock, store, power)
    spans = [(30.0, 2.0)]
    watch_pir(station_of(store, state / RUN, boot(store)), clock, spans, camera)
    camera.note()


def without_ram(state: Path) -> None:
    shutil.rmtree(state / RUN, ignore_errors=True)
    (state / RUN).mkdir()


def frames_promised_are_there(state: Path, cut: Power) -> None:
    without_ram(state)
    power = SealedPower()
    store = recovered(state, power.open)
    assert set(cut.told) <= frames_on(store)
    assert not [path for path in store.archive.root.rglob("*") if path.suffix == ".jpg"]
    if cut.seed != KEEP_ALL:
        goes_on(store, state)
        check_card(store)
        left = frames_on(store)
        assert set(cut.told) <= left, "what RAM has lost is not discarded"
    power.end()


def test_a_cut_anywhere_in_sealed_bursts_loses_no_frame_that_was_synced(card):
    cuts = every_cut(
        card, None, bursts, frames_promised_are_there, seeds=range(2), make_power=SealedPower
    )
    assert cuts > 80


def test_the_harness_bites_where_sealed_files_are_not_synced(card):
    lying = {"make_disk": ForgetfulDisk, "make_power": SealedPower}
    with pytest.raises(AssertionError):
        every_cut(card, None, bursts, frames_promised_are_there, **lying)


def sort(state: Path, power: Power) -> None:
    sorter = sorter_of(power.open(state), state / RUN, lambda: KnowingClassifier(SCENES))
    sort_all(sorter, SteppedClock())


def test_a_cut_anywhere_in_the_sorter_discards_only_by_a_verdict(card):
    taken = card / "taken"
    (taken / RUN).mkdir(parents=True)
    power = SealedPower()
    take(power.open(taken), taken / RUN, SteppedClock(), bursts=len(SCENES))
    power.end()

    def sorted_or_unclassified(state: Path, cut: Power) -> None:
        if cut.dead:
            without_ram(state)
        power = SealedPower()
        store = recovered(state, power.open)
        sort(state, power)
        check_card(store)
        found = {each.id: each.label for each in store.sequences.observations()}
        assert found.keys() == {1, 2, 3}
        for sequence, label in ((1, "blank"), (2, "leopard"), (3, "deer")):
            assert found[sequence] in (label, "unclassified")
        assert frames_on(store) == set(range(4 if found[1] == "blank" else 1, 10))
        assert not store.archive.sealing.copies.stems()  # type: ignore[union-attr]
        if not cut.dead:
            assert list(found.values()) == ["blank", "leopard", "deer"]
        power.end()

    cuts = every_cut(card, taken, sort, sorted_or_unclassified, make_power=SealedPower)
    assert cuts > 40
