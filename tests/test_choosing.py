"""Which set judges, and what becomes of one that cannot or kills."""

import gc
import weakref

import pytest

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    After,
    KnowingClassifier,
    sort_all,
    take,
)
from tests.test_sets import die, installed, on
from trapnode.choosing import Chooser
from trapnode.errors import DeviceError
from trapnode.policy.report import Watch
from trapnode.sorter import TRIES, Sorter, Sorting
from trapnode.store.ram import read_set
from trapnode.store.sets import CONFIGURED, DEATHS


class Named(KnowingClassifier):
    """A judge with the name of its set."""

    def __init__(self, name: str, script=(DEER,) * 20) -> None:
        super().__init__(script)
        self.name = name


class Shelf:
    """Loads judges by the name of their set; one that is an error is raised."""

    def __init__(self, **judges) -> None:
        self.judges = {name.replace("_", "-"): judge for name, judge in judges.items()}
        self.loaded = []

    def __call__(self, card):
        name = card.parent.parent.name if card else CONFIGURED
        self.loaded.append(name)
        judge = self.judges.get(name) or Named("shipped-1" if card is None else name)
        if isinstance(judge, BaseException):
            raise judge
        return judge


def chooser(state, **judges) -> Chooser:
    return Chooser(on(state), Shelf(**judges), state, "amur")


def sorter_by(store, run, judges: Chooser, clock) -> list[str]:
    """Let the sorter sort all that waits; give what it said of itself, without repeats."""
    sorting = Sorting(Watch(("leopard",), (), 0.0), 0.0, 1800.0, lambda: 0.5)
    sorter = Sorter(store, run, sorting, judges)
    said: list[str] = []
    sorter.run(clock, After(lambda: len(said) > 0), said.append)
    sort_all(sorter, clock)
    return list(dict.fromkeys(said))


def classified_by(store) -> list[str]:
    return [each.classified_by for each in store.sequences.observations()]


def test_the_configured_set_judges_where_none_is_installed(state):
    judges = chooser(state)
    assert judges.load().name == "shipped-1"
    assert judges.fault == ""


def test_the_first_set_judges_and_the_rows_name_it(store, state, run, clock):
    installed(state, "amur-2", "amur-3")
    take(store, run, clock, bursts=2)
    assert sorter_by(store, run, chooser(state), clock) == [""]
    assert classified_by(store) == ["amur-3", "amur-3"]
    assert read_set(run) == "amur-3"


@pytest.mark.parametrize("refusal", [DeviceError("wrong sha256"), MemoryError()])
def test_a_set_that_does_not_load_gives_way_to_the_one_before_and_is_a_fault(
    store, state, run, clock, refusal
):
    installed(state, "amur-2", "amur-3")
    take(store, run, clock)
    said = sorter_by(store, run, chooser(state, amur_3=refusal), clock)
    assert classified_by(store) == ["amur-2"]
    assert said == [f"set amur-3: {str(refusal) or 'MemoryError'}; judging by amur-2"]
    assert on(state).order()[0] == "amur-3", "the next start tries it again"


def test_no_installed_set_loads_and_the_configured_one_judges(state):
    installed(state, "amur-2", "amur-3")
    broken = {"amur_3": DeviceError("no"), "amur_2": DeviceError("neither")}
    judges = chooser(state, **broken)
    assert judges.load().name == "shipped-1"
    assert judges.fault == "set amur-3: no; set amur-2: neither; judging by shipped-1"


def test_without_any_set_every_sequence_stays(store, state, run, clock):
    installed(state, "amur-2")
    take(store, run, clock)
    broken = {"amur_2": DeviceError("no"), CONFIGURED: DeviceError("nothing")}
    (said,) = sorter_by(store, run, chooser(state, **broken), clock)
    assert said.startswith("no classifier, every sequence is kept: set amur-2: no; set configured")
    assert [each.label for each in store.sequences.observations()] == ["unclassified"]
    assert read_set(run) == "none"


@pytest.mark.parametrize("harm", ["proof.json", "set/net.json", "set"])
def test_a_set_that_is_not_as_it_was_tested_is_never_loaded(state, harm):
    installed(state, "amur-2", "amur-3")
    path = state / "models/amur-3" / harm
    if path.is_dir():
        path.rename(path.with_name("moved"))
    else:
        path.write_bytes(b"edited")
    shelf = Shelf()
    judges = Chooser(on(state), shelf, state, "amur")
    assert judges.load().name == "amur-2"
    assert shelf.loaded == ["amur-2"]
    assert "amur-3" in judges.fault


def test_an_order_that_cannot_be_read_leaves_the_configured_set_and_a_fault(state):
    installed(state, "amur-2")
    (state / "models/order").write_bytes(b"\xff")
    judges = chooser(state)
    assert judges.load().name == "shipped-1"
    assert "models/order: cannot be read" in judges.fault


def test_a_new_set_that_keeps_killing_the_sorter_is_passed_over(store, state, run, clock):
    """As a brown-out or a crash in the runtime: nothing of the process is left."""
    installed(state, "amur-2", "amur-3")
    take(store, run, clock, bursts=4)
    killer = Named("amur-3", (KeyError("the end"),) * 9)
    ended = 0
    for _ in range(DEATHS + 2):
        try:
            said = sorter_by(store, run, chooser(state, amur_3=killer), clock)
        except KeyError:
            ended += 1
    assert ended == DEATHS
    fault = f"set amur-3: it ended the sorter {DEATHS} times before it judged a sequence"
    assert said == [f"{fault}; judging by amur-2"]
    labels = [each.label for each in store.sequences.observations()]
    assert labels == ["unclassified"] + ["deer"] * 3, f"{TRIES} deaths leave a sequence alone"
    assert classified_by(store)[1:] == ["amur-2"] * 3


def test_a_new_set_that_kills_while_it_loads_is_passed_over(state):
    installed(state, "amur-2", "amur-3")
    for _ in range(DEATHS):
        with pytest.raises(KeyError):
            chooser(state, amur_3=KeyError("a crash")).load()
    assert chooser(state).load().name == "amur-2"


def test_the_configured_set_is_passed_over_once_it_kept_killing_the_sorter_until_the_next_boot(
    state, run
):
    def boot(folder, model="amur", crash=None):
        shelf = Shelf(configured=KeyError("a segfault")) if crash else Shelf()
        return Chooser(on(state), shelf, folder, model).load()

    for _ in range(DEATHS):
        with pytest.raises(KeyError):
            boot(run, crash=True)
    for _ in range(2):
        with pytest.raises(DeviceError, match="ended the sorter 3 times while it loaded"):
            boot(run)
    assert boot(run, "another").name == "shipped-1", "a person has chosen another"
    (fresh := state / "run").mkdir()
    for _ in range(DEATHS + 1):
        assert boot(fresh).name == "shipped-1"


def test_starts_without_a_sequence_are_no_deaths(store, state, run, clock):
    installed(state, "amur-2")
    for _ in range(DEATHS + 1):
        assert sorter_by(store, run, chooser(state), clock) == [""]
    take(store, run, clock)
    sorter_by(store, run, chooser(state), clock)
    assert classified_by(store) == ["amur-2"]


def test_a_set_that_has_judged_is_never_set_aside(store, state, run, clock):
    """A cold battery that sags under load is not the fault of a set that served a season."""
    installed(state, "amur-2")
    take(store, run, clock, bursts=3)
    script = (LEOPARD, KeyError("brown-out"), DEER)
    for _ in range(DEATHS + 1):
        try:
            said = sorter_by(store, run, chooser(state, amur_2=Named("amur-2", script)), clock)
        except KeyError:
            continue
    assert said == [""]
    assert [each.label for each in store.sequences.observations()] == [
        "leopard",
        "unclassified",
        "deer",
    ]


def test_after_an_update_of_ours_a_set_is_on_trial_again(state):
    """What loaded under the version before may kill the sorter under this one."""
    sets = installed(state, "new-2")
    (trial,) = [path.with_name("trial") for path in state.rglob("new-2/proof.json")]
    trial.write_text("judged", "ascii")
    die(sets, "new-2", DEATHS)
    assert sets.deaths("new-2") == DEATHS


def test_what_a_set_fails_at_without_ending_the_sorter_is_no_death(store, state, run, clock):
    installed(state, "amur-2")

    class Failing(Named):
        def judge(self, pictures, past=()):
            raise DeviceError("the model failed")

    take(store, run, clock, bursts=DEATHS + 1)
    sorter_by(store, run, chooser(state, amur_2=Failing("amur-2")), clock)
    assert on(state).deaths("amur-2") == 0
    assert [each.label for each in store.sequences.observations()] == ["unclassified"] * 4


def test_a_swap_is_noticed_without_a_restart_and_never_holds_two_sets(store, state, run, clock):
    installed(state, "amur-2")
    alive: list[weakref.ref[Named]] = []

    def load(card):
        gc.collect()
        assert not [each for each in alive if each()], "the old set is gone before the new one"
        judge = Named(card.parent.parent.name)
        alive.append(weakref.ref(judge))
        return judge

    sorting = Sorting(Watch(("leopard",), (), 0.0), 0.0, 1800.0, lambda: 0.5)
    sorter = Sorter(store, run, sorting, Chooser(on(state), load, run, "amur"))
    take(store, run, clock)
    sort_all(sorter, clock)
    installed(state, "amur-3")
    sort_all(sorter, clock)
    assert read_set(run) == "amur-3", "at once, not with the next animal"
    take(store, run, clock)
    sort_all(sorter, clock)
    on(state).rollback()
    take(store, run, clock)
    sort_all(sorter, clock)
    assert classified_by(store) == ["amur-2", "amur-3", "amur-2"]
    assert len(alive) == 3


def test_a_set_that_was_set_aside_is_tried_again_once_a_person_installs_it_again(state):
    sets = installed(state, "amur-2", "amur-3")
    die(sets, "amur-3", DEATHS)
    judges = chooser(state)
    assert judges.load().name == "amur-2"
    installed(state, "amur-3")
    assert judges.changed()
    assert judges.load().name == "amur-3"
    assert judges.fault == ""


def test_strange_targets_stay_a_fault_whatever_set_judges(store, state, run, clock):
    installed(state, "amur-2", "amur-3")
    sorting = Sorting(Watch(("leopord",), (), 0.0), 0.0, 1800.0, lambda: 0.5)
    take(store, run, clock)
    blank = Named("amur-2", (BLANK,))
    judges = chooser(state, amur_3=DeviceError("no"), amur_2=blank)
    sorter = Sorter(store, run, sorting, judges)
    said: list[str] = []
    sorter.run(clock, After(lambda: len(said) > 0), said.append)
    sort_all(sorter, clock)
    assert "leopord" in said[0]
    assert [each.label for each in store.sequences.observations()] == ["unclassified"]
