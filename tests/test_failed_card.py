"""A card that takes no more writes: the unit goes on in RAM, and tells one thing."""

import errno
import os
from pathlib import Path

import pytest

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    NOON,
    After,
    KnowingClassifier,
    NumberedCamera,
    ScriptedModem,
    an_observation,
    boot,
    heard,
    jpeg,
    sort_all,
    sorter_of,
    station_of,
    take,
    uplinker_of,
)
from tests.faults import FailingDisk, Power
from trapnode.errors import CardFailed
from trapnode.keeper import Keeper, Keeping
from trapnode.model import CardCause, CardState, ClockTrust, MessageKind, Shot, Trigger
from trapnode.policy.card import reboot_helps
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.pir import ScriptedPir
from trapnode.store import ram, spare
from trapnode.store.spare import open_spare

BURSTS = [(5.0, 0.5), (60.0, 2.0)]


class FlippedDisk(FailingDisk):
    """A card whose operation number `flips` fails, and every one after it."""

    flips, code = 1, errno.EROFS

    def _tick(self) -> None:
        self.flips -= 1
        if self.flips <= 0:
            raise OSError(self.code, os.strerror(self.code))

    def write(self, path: Path, data: bytes) -> None:
        self._tick()
        super().write(path, data)

    def sync(self, path: Path) -> None:
        self._tick()
        super().sync(path)

    def rename(self, path: Path, target: Path) -> None:
        self._tick()
        super().rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        self._tick()
        super().sync_folder(folder)

    def remove(self, path: Path) -> None:
        self._tick()
        super().remove(path)


@pytest.fixture
def in_ram(run):
    store = open_spare(run)
    yield store
    store.close()


def keeper_of(store, run, clock, at_s=0.0) -> Keeper:
    keeping = Keeping(
        "AL07",
        boot(store),
        (),
        2,
        "",
        card_failed=ram.Failure(CardCause.READ_ONLY, "read-only file system", at_s),
    )
    return Keeper(keeping, store, run, SimBattery(clock.monotonic), SimThermometer())


def test_the_store_in_ram_tells_one_kind_of_message_and_no_counter(in_ram, run, clock):
    take(in_ram, run, clock, bursts=3)
    sort_all(sorter_of(in_ram, run, lambda: KnowingClassifier((BLANK, LEOPARD, DEER))), clock)
    assert [each.label for each in in_ram.sequences.observations()] == ["blank", "leopard", "deer"]
    assert in_ram.outbox.waiting() == [], "observations would need counters"
    keeper_of(in_ram, run, clock).look(clock, ClockTrust.RTC)
    modem = ScriptedModem()
    uplinker = uplinker_of(in_ram, run, boot(in_ram))
    while uplinker.send_next(modem, clock):
        pass
    (sent,) = map(heard, modem.accepted)
    assert sent.kind is MessageKind.CARD_FAILED
    failure = sent.card_failure
    assert failure is not None
    assert (failure.cause, failure.sequences, failure.targets) == (CardCause.READ_ONLY, 3, 1)


def test_a_new_target_is_told_at_once_and_else_once_a_day(in_ram, run, clock):
    keeper = keeper_of(in_ram, run, clock)
    told = set()

    def look() -> int:
        clock.step(600)
        keeper.look(clock, ClockTrust.RTC)
        told.update(report.made_at for report in in_ram.outbox.waiting())
        return len(told)

    assert [look() for _ in range(3)] == [1, 1, 1]
    sorters = open_spare(run)
    take(sorters, run, clock)
    with sorters.database.transaction():
        sorters.sequences.conclude(an_observation(1), [None] * 3)
    sorters.close()
    assert [look() for _ in range(3)] == [2, 2, 2]
    assert len(in_ram.outbox.waiting()) == 1, "the newer word replaces the older"


def test_the_status_says_so_and_why(in_ram, run, clock):
    keeper_of(in_ram, run, clock).look(clock, ClockTrust.RTC)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    assert snapshot["card_state"] == CardState.FAILED.value
    assert snapshot["faults"] == ["card: failed, pictures are in RAM: read-only file system"]


def test_pictures_in_ram_are_bounded_and_the_targets_among_them_stay(run, clock, monkeypatch):
    monkeypatch.setattr(spare, "MOST", 100_000)
    store = open_spare(run)
    for number in range(1, 60):
        store.make_room(4_000)
        if store.room() < 4_000:
            break
        burst = store.archive.begin("AL07", 600, "imx708", Trigger(NOON, 1.0), boot(store))
        burst.add(Shot(jpeg(number), jpeg(number, (16, 12)), NOON))
        burst.close()
        with store.database.transaction():
            label = "leopard" if number % 4 == 0 else "deer"
            store.sequences.conclude(an_observation(number, label), [None])
    held = sum(path.stat().st_size for path in store.archive.root.rglob("*.jpg"))
    assert held <= 100_000
    rows = store.database.rows(
        "SELECT f.state FROM frame f JOIN observation o ON o.id = f.sequence WHERE o.target = 1"
    )
    assert {state for (state,) in rows} == {"whole"}
    store.close()


def test_the_first_word_on_why_the_card_failed_stays(run):
    assert ram.card_failed(run) is None
    ram.fail_card(run, ram.Failure(CardCause.IO_ERROR, "first", 9.0))
    ram.fail_card(run, ram.Failure(CardCause.READ_ONLY, "second", 10.0))
    assert ram.card_failed(run) == ram.Failure(CardCause.IO_ERROR, "first", 9.0)
    (run / "card.failed").write_text("{")
    assert ram.card_failed(run) is None


def test_without_a_store_in_ram_the_failure_ends_the_station(card, run, clock):
    power = Power()
    store = power.open(card)
    power.disk.__class__ = FlippedDisk
    pir = ScriptedPir(clock.monotonic, BURSTS)
    with pytest.raises(CardFailed):
        station_of(store, run, boot(store)).run(
            pir, NumberedCamera(clock), clock, After(lambda: False), lambda fault: None
        )
    pir.close()
    power.end()


@pytest.mark.parametrize(
    ("failed_at_s", "unsorted", "unclassified", "targets", "helps"),
    [
        (3600.0, 0, 0, 0, True),
        (3599.0, 0, 0, 0, False),  # It failed at boot, or soon after: that was no help.
        (9e9, 1, 0, 0, False),
        (9e9, 0, 1, 0, False),
        (9e9, 0, 0, 1, False),
    ],
)
def test_a_reboot_is_asked_for_once_and_never_with_a_leopard_in_ram(
    failed_at_s, unsorted, unclassified, targets, helps
):
    assert reboot_helps(failed_at_s, unsorted, unclassified, targets) is helps


def test_the_keeper_asks_for_the_reboot_once_ram_holds_nothing_that_may_be_a_target(
    in_ram, run, clock
):
    take(in_ram, run, clock)
    keeper_of(in_ram, run, clock, 7200.0).look(clock, ClockTrust.RTC)
    assert not (run / "reboot").exists()
    sort_all(sorter_of(in_ram, run, lambda: KnowingClassifier((DEER,))), clock)
    keeper_of(in_ram, run, clock, 0.0).look(clock, ClockTrust.RTC)
    assert not (run / "reboot").exists()
    keeper_of(in_ram, run, clock, 7200.0).look(clock, ClockTrust.RTC)
    assert (run / "reboot").exists()
