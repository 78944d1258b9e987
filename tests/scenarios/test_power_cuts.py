"""The power goes before every single step of every process, and nothing promised is lost."""

import shutil
from pathlib import Path

import pytest

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    NOON,
    UNSURE,
    KnowingClassifier,
    NumberedCamera,
    ScriptedModem,
    an_observation,
    boot,
    counter_of,
    heard,
    number_of,
    sort_all,
    sorter_of,
    station_of,
    take,
    uplinker_of,
    watch_pir,
)
from tests.faults import KEEP_ALL, ForgetfulDisk, NamelessDisk, Power, PowerCut, every_cut
from tests.invariants import RUN, check_card, frames_on, goes_on, recovered
from trapnode.errors import DeviceError, LinkUnavailable, MessageRefused, UplinkError
from trapnode.keeper import Keeper, Keeping
from trapnode.message import pack_observation
from trapnode.model import (
    ClockTrust,
    Message,
    MessageKind,
    MessageState,
    Sent,
    SequenceState,
    Shot,
    Verdict,
)
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.store.store import Store

BURSTS = [(10.0, 0.5), (30.0, 2.0), (60.0, 0.5)]  # The second one goes on for 7 frames.
SCENES = (BLANK, LEOPARD, DEER, UNSURE, DeviceError("the model failed"))
KEPT = {2: "leopard", 3: "deer", 4: "unknown", 5: "unclassified"}

SURE = range(2)  # All that was not synced is gone, or all of it is there; the rig draws lots, too.


class PromisingCamera(NumberedCamera):
    """A camera that notes which frames the card claims to hold while the next one is taken."""

    def __init__(self, clock: SteppedClock, store: Store, power: Power) -> None:
        super().__init__(clock)
        self._store = store
        self._power = power

    def shoot(self) -> Shot:
        self.note()
        return super().shoot()

    def note(self) -> None:
        rows = self._store.database.rows("SELECT path FROM frame")
        self._power.told[:] = [
            number_of((self._store.archive.root / str(path)).read_bytes()) for (path,) in rows
        ]


# The station


def bursts(state: Path, power: Power) -> None:
    clock, store = SteppedClock(), power.open(state)
    (state / RUN).mkdir(exist_ok=True)
    camera = PromisingCamera(clock, store, power)
    watch_pir(station_of(store, state / RUN, boot(store)), clock, BURSTS, camera)
    camera.note()


def frames_promised_are_there(state: Path, cut: Power) -> None:
    (state / RUN).mkdir(exist_ok=True)
    power = Power()
    store = recovered(state, power.open)
    assert set(cut.told) <= frames_on(store)
    if cut.seed != KEEP_ALL:
        goes_on(store, state)
        check_card(store)
    power.end()


def test_a_cut_anywhere_in_bursts_loses_no_frame_that_was_synced(card):
    assert every_cut(card, None, bursts, frames_promised_are_there, seeds=SURE) > 200


@pytest.mark.parametrize("disk", [ForgetfulDisk, NamelessDisk])
def test_the_harness_bites_where_nothing_is_synced(card, disk):
    with pytest.raises(AssertionError):
        every_cut(card, None, bursts, frames_promised_are_there, make_disk=disk)


def test_a_cut_in_the_repair_after_a_cut_loses_nothing_either(card):
    lives = 0
    for first in range(9, 110, 17):
        broken = card / f"broken-{first}"
        broken.mkdir()
        power = Power(first, seed=first)
        with pytest.raises(PowerCut):
            bursts(broken, power)
        power.end()

        def repair(state: Path, again: Power, told: tuple[object, ...] = tuple(power.told)) -> None:
            again.told.extend(told)
            again.open(state).repair()

        lives += every_cut(
            card / "again", broken, repair, frames_promised_are_there, seeds=range(2, 4)
        )
    assert lives > 50


# The sorter


@pytest.fixture
def taken(card: Path) -> Path:
    """A card with one burst of each scene, not sorted yet."""
    state = card / "taken"
    (state / RUN).mkdir(parents=True)
    power = Power()
    store = power.open(state)
    take(store, state / RUN, SteppedClock(), bursts=len(SCENES))
    power.end()
    return state


def sort(state: Path, power: Power, draw: float) -> None:
    store = power.open(state)
    knows = KnowingClassifier(SCENES)
    sorter = sorter_of(store, state / RUN, lambda: knows, draw, show=lambda picture, box: b"small")
    sort_all(sorter, SteppedClock())


@pytest.mark.parametrize("draw", [0.5, 0.01], ids=["discard", "audit"])
def test_a_cut_anywhere_in_the_sorter_loses_only_what_a_verdict_discarded(card, taken, draw):
    def sorted_as_if_nothing_had_been(state: Path, _cut: Power) -> None:
        power = Power()
        store = recovered(state, power.open)
        assert frames_on(store) >= set(range(4, 16))
        sort(state, power, draw)
        check_card(store)
        found = {each.id: each for each in store.sequences.observations()}
        assert {each.label for each in found.values() if each.id > 1} == set(KEPT.values())
        assert {key: found[key].label for key in KEPT} == KEPT
        assert found[1].verdict is Verdict.DISCARD
        assert found[1].audit is (draw < 0.02)
        assert frames_on(store) == set(range(1 if draw < 0.02 else 4, 16))
        reports = store.outbox.waiting()
        assert [each.observation for each in reports] == [2, 3], "told once each"
        shown = store.database.rows("SELECT sequence, data FROM radio_preview")
        assert shown == [(2, b"small")], "of each target one"
        power.end()

    def work(state: Path, power: Power) -> None:
        sort(state, power, draw)

    assert every_cut(card, taken, work, sorted_as_if_nothing_had_been) > 40


# The uplinker


@pytest.fixture
def told(card: Path) -> Path:
    """A card with a leopard, its preview, four deer, a count and a status report to tell."""
    state = card / "told"
    (state / RUN).mkdir(parents=True)
    power = Power()
    store = power.open(state)
    take(store, state / RUN, SteppedClock(), bursts=5)
    with store.database.transaction():
        for identity, label in enumerate(("leopard", "deer", "deer", "deer", "deer"), 1):
            observation = an_observation(identity, label)
            store.sequences.conclude(observation, [None] * 3)
            store.outbox.tell(
                MessageKind.OBSERVATIONS,
                pack_observation(observation),
                0 if identity == 1 else 3,
                NOON,
                identity,
            )
        store.outbox.tell(MessageKind.STATUS, bytes(36), 2, NOON)
        store.radio.suppress("boar", NOON)
        store.previews.keep(1, PREVIEW)
        store.previews.wish(1)
    power.end()
    return state


class MortalModem(ScriptedModem):
    """A modem with which the power may go before the message leaves, and after."""

    def __init__(self, power: Power, script: tuple[UplinkError, ...]) -> None:
        super().__init__(script)
        self._power = power

    def send(self, payload: bytes) -> Sent:
        self._power.step()
        self._power.told.append(payload)
        answer = super().send(payload)
        self._power.step()
        return answer


def send(state: Path, power: Power, *script: UplinkError, kernel: str = "one") -> Store:
    store = power.open(state)
    clock = SteppedClock()
    uplinker = uplinker_of(store, state / RUN, boot(store, kernel))
    modem = MortalModem(power, script)
    for _ in range(10):
        clock.step(90_000)
        while uplinker.send_next(modem, clock):
            pass
    return store


PREVIEW = bytes(range(250)) * 2


def every_message(store: Store) -> dict[int, Message]:
    return {each.counter: each for each in store.outbox.messages()}


@pytest.mark.parametrize(
    "script",
    [(), (LinkUnavailable("no sky"), LinkUnavailable("no sky"), MessageRefused("too long"))],
    ids=["accepted", "refused"],
)
def test_a_cut_anywhere_in_the_uplinker_loses_no_message_and_changes_none(card, told, script):
    def all_told(state: Path, cut: Power) -> None:
        power = Power()
        store = recovered(state, power.open)
        frozen = every_message(store)
        for payload in cut.told:
            assert frozen[counter_of(payload)].payload == payload  # type: ignore[arg-type]
        again = Power()
        send(state, again, kernel="two")
        again.end()
        now = every_message(store)
        assert {each.payload for each in frozen.values()} <= {e.payload for e in now.values()}
        assert {e.state for e in now.values()} <= {MessageState.ACCEPTED, MessageState.PARKED}
        said = [heard(each.payload) for each in now.values()]
        observed = [o.observation for each in said for o in each.observations]
        assert sorted(observed) == [1, 2, 3, 4, 5], "each is in one message, and in one only"
        assert sum(e.kind is MessageKind.STATUS for e in now.values()) == 1
        assert [each.suppressed.counts for each in said if each.suppressed] == [{"boar": 1}]
        pieces = sorted((f.offset, f.data) for each in said if (f := each.fragment))
        assert b"".join(data for _, data in pieces) == PREVIEW
        bytes_of = {counter_of(p): p for p in [*cut.told, *again.told]}  # type: ignore[arg-type]
        assert set(bytes_of.values()) == {*cut.told, *again.told}, "no counter with two payloads"
        power.end()

    def work(state: Path, power: Power) -> None:
        send(state, power, *script)

    assert every_cut(card, told, work, all_told, seeds=SURE) > 50


# Keeper and boots


def keep(state: Path, power: Power) -> None:
    store = power.open(state)
    clock = SteppedClock()
    keeping = Keeping("AL07", boot(store), (), 2, "")
    keeper = Keeper(keeping, store, state / RUN, SimBattery(clock.monotonic), SimThermometer())
    for _ in range(3):
        keeper.look(clock, ClockTrust.RTC)
        power.told[:] = [store.outbox.last_status()]
        clock.step(86_400)


def test_a_cut_anywhere_in_the_keeper_leaves_one_status_report_at_most(card):
    def one_report(state: Path, cut: Power) -> None:
        (state / RUN).mkdir(exist_ok=True)
        power = Power()
        store = recovered(state, power.open)
        last = store.outbox.last_status()
        assert not cut.told or (last is not None and last >= cut.told[0])  # type: ignore[operator]
        keep(state, power)
        assert len(store.outbox.waiting()) == 1
        power.end()

    def work(state: Path, power: Power) -> None:
        (state / RUN).mkdir(exist_ok=True)
        keep(state, power)

    assert every_cut(card, None, work, one_report) > 20


def test_a_cut_anywhere_in_a_boot_gives_each_boot_one_number(card):
    def boots(state: Path, power: Power) -> None:
        store = power.open(state)
        for kernel in ("one", "two", "one"):
            power.told.append((kernel, boot(store, kernel).id))

    def numbers_hold(state: Path, cut: Power) -> None:
        power = Power()
        store = recovered(state, power.open)
        for kernel, number in cut.told:  # type: ignore[misc]
            assert boot(store, kernel).id == number
        assert boot(store, "three").id not in {number for _, number in cut.told}  # type: ignore[misc]
        power.end()

    assert every_cut(card, None, boots, numbers_hold) > 15


def test_a_cut_anywhere_in_a_whole_life_can_be_followed_by_another(card, taken):
    """Everything at once, with the power gone twice: at a step of this life and of the next."""

    def life(state: Path, power: Power) -> None:
        store = power.open(state)
        store.repair()
        clock = SteppedClock(NOON.replace(month=12))
        take(store, state / RUN, clock)
        sort(state, power, 0.5)
        send(state, power)

    lives = 0
    for first in range(10, 130, 12):
        state = card / "twice"
        for second in (first // 3, first):
            shutil.copytree(taken, state)
            for cut in (first, second):
                power = Power(cut, seed=first + cut)
                try:
                    life(state, power)
                except PowerCut:
                    lives += 1
                power.end()
            last = Power()
            life(state, last)
            store = recovered(state, last.open)
            assert frames_on(store) >= set(range(4, 16))
            assert not store.outbox.waiting()
            assert all(s.state is SequenceState.SORTED for s in store.sequences.all())
            last.end()
            shutil.rmtree(state)
    assert lives > 15
