"""The sets on a unit: whatever the power does, the one that judges is whole."""

import json
from pathlib import Path

import pytest

from tests.faults import ForgetfulDisk, Power, every_cut
from trapnode.errors import DeviceError, StoreError, UsageError
from trapnode.store.disk import RealDisk
from trapnode.store.sets import CONFIGURED, DEATHS, Package, Proof, Sets


def a_set(name: str, model: bytes = b"weights") -> Package:
    files = {"set.json": b"card of " + name.encode(), "net.json": b"{}", "net.tflite": model}
    return Package(name, ("set.json", "net.json"), files)


def proof_of(package: Package) -> Proof:
    return Proof(package.cards, package.sha256, 0.31, 101.0, "0.1.0")


def install(sets: Sets, package: Package) -> str:
    sets.put(package)
    return sets.admit(package.name, proof_of(package))


def on(folder: Path) -> Sets:
    return Sets(folder / "models", RealDisk())


def installed(folder: Path, *names: str) -> Sets:
    sets = on(folder)
    for name in names:
        install(sets, a_set(name))
    return sets


def test_a_unit_without_installed_sets_judges_by_the_configured_one(tmp_path):
    sets = on(tmp_path)
    assert sets.order() == (CONFIGURED,)
    assert sets.mark() is None
    sets.clear()
    with pytest.raises(UsageError, match="no set is installed"):
        sets.rollback()


def test_a_new_set_comes_first_and_the_one_before_it_stays(tmp_path):
    sets = on(tmp_path)
    assert install(sets, a_set("amur-2")) == CONFIGURED
    assert sets.order() == ("amur-2", CONFIGURED)
    mark = sets.mark()
    assert install(sets, a_set("amur-3")) == "amur-2"
    assert sets.order() == ("amur-3", "amur-2", CONFIGURED)
    assert sets.mark() != mark
    assert sets.card("amur-3").read_bytes() == b"card of amur-3"
    assert sets.proof("amur-3") == proof_of(a_set("amur-3"))


def test_a_third_set_takes_the_place_of_the_oldest(tmp_path):
    sets = installed(tmp_path, "amur-2", "amur-3", "amur-4")
    assert sets.order() == ("amur-4", "amur-3", CONFIGURED)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"order", "amur-3", "amur-4"}


def test_rollback_goes_back_and_forth(tmp_path):
    sets = installed(tmp_path, "amur-2")
    assert sets.rollback() == (CONFIGURED, "amur-2")
    assert sets.order() == (CONFIGURED, "amur-2")
    assert sets.rollback() == ("amur-2", CONFIGURED)
    assert sets.order() == ("amur-2", CONFIGURED)


def test_rollback_never_goes_to_a_set_that_would_be_refused(tmp_path):
    sets = installed(tmp_path, "amur-2", "amur-3")
    (tmp_path / "models/amur-2/set/net.json").write_bytes(b"edited")
    with pytest.raises(StoreError, match=r"amur-2.* passed the self-test"):
        sets.rollback()
    assert sets.order()[0] == "amur-3"


def test_a_set_that_was_only_put_never_judges(tmp_path):
    sets = installed(tmp_path, "amur-2")
    sets.put(a_set("amur-3"))
    assert sets.order() == ("amur-2", CONFIGURED)
    with pytest.raises(StoreError, match="no proof of a passed self-test"):
        sets.card("amur-3")
    sets.clear()
    assert not (tmp_path / "models/amur-3").exists()


@pytest.mark.parametrize("garbage", ["", "[]", "{", '{"cards": []}', "null", "\xff"])
def test_a_proof_that_proves_nothing_is_none(tmp_path, garbage):
    sets = installed(tmp_path, "amur-2")
    (tmp_path / "models/amur-2/proof.json").write_text(garbage, "latin-1")
    with pytest.raises(StoreError, match="no proof of a passed self-test"):
        sets.card("amur-2")


def test_a_proof_without_cards_is_none(tmp_path):
    sets = installed(tmp_path, "amur-2")
    path = tmp_path / "models/amur-2/proof.json"
    empty = Package("", (), {})
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"cards": [], "sha256": empty.sha256})
    )
    with pytest.raises(StoreError, match="passed the self-test"):
        sets.card("amur-2")


def test_a_card_that_is_gone_is_named(tmp_path):
    sets = installed(tmp_path, "amur-2")
    (tmp_path / "models/amur-2/set/net.json").unlink()
    with pytest.raises(StoreError, match=r"a card cannot be read: .*net\.json"):
        sets.card("amur-2")


@pytest.mark.parametrize("name", ["../amur-2", ".hidden", "a b-1", "", "order\n", CONFIGURED])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="must be only letters"):
        on(tmp_path).put(a_set(name))
    assert not (tmp_path / "models").exists()


def test_other_contents_need_another_version(tmp_path):
    sets = installed(tmp_path, "amur-2")
    other = Package("amur-2", ("set.json",), {"set.json": b"another card"})
    with pytest.raises(UsageError, match="give the new set another version"):
        sets.put(other)
    assert sets.card("amur-2").read_bytes() == b"card of amur-2"


def test_installed_again_a_set_is_mended_and_begins_its_trial_anew(tmp_path):
    sets = installed(tmp_path, "amur-2", "amur-3")
    (tmp_path / "models/amur-3/set/net.tflite").write_bytes(b"rotten")
    die(sets, "amur-3", DEATHS)
    assert install(sets, a_set("amur-3")) == "amur-2"
    assert sets.order() == ("amur-3", "amur-2", CONFIGURED)
    assert (tmp_path / "models/amur-3/set/net.tflite").read_bytes() == b"weights"
    assert sets.deaths("amur-3") == 0


def test_a_set_that_kills_does_not_stay_as_the_one_to_go_back_to(tmp_path):
    sets = installed(tmp_path, "amur-2", "amur-3")
    die(sets, "amur-3", DEATHS)
    assert install(sets, a_set("amur-4")) == "amur-2"


@pytest.mark.parametrize("garbage", [b"\xff", b"../../etc", b"amur-2\n.part\n"])
def test_an_order_that_is_none_is_an_error_and_mended_by_the_next_install(tmp_path, garbage):
    sets = installed(tmp_path, "amur-2")
    (tmp_path / "models/order").write_bytes(garbage)
    for use in (sets.order, sets.rollback, sets.clear):
        with pytest.raises(StoreError, match="models/order: "):
            use()
    assert install(sets, a_set("amur-3")) == CONFIGURED


def die(sets: Sets, name: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(KeyError), sets.trial(name):
            raise KeyError("the end of the process")


def test_deaths_are_counted_until_a_sequence_is_judged(tmp_path):
    sets = installed(tmp_path, "amur-2")
    with sets.trial("amur-2"):
        assert sets.deaths("amur-2") == 1
    assert sets.deaths("amur-2") == 0
    die(sets, "amur-2", 2)
    assert sets.deaths("amur-2") == 2
    with pytest.raises(DeviceError), sets.trial("amur-2"):
        raise DeviceError("a failure that the sorter survives")
    assert sets.deaths("amur-2") == 2
    sets.judged("amur-2")
    die(sets, "amur-2", 9)
    assert sets.deaths("amur-2") == 0


def test_a_trial_of_garbage_begins_anew(tmp_path):
    sets = installed(tmp_path, "amur-2")
    (tmp_path / "models/amur-2/trial").write_bytes(b"\xff\x00")
    assert sets.deaths("amur-2") == 0


def test_a_set_on_trial_costs_no_write_once_it_has_judged(tmp_path):
    power = Power()
    sets = Sets(tmp_path / "models", power.disk)
    install(sets, a_set("amur-2"))
    with sets.trial("amur-2"):
        pass
    sets.judged("amur-2")
    steps = power.steps
    with sets.trial("amur-2"):
        sets.judged("amur-2")
    assert power.steps == steps


def test_a_full_card_is_the_stores_error_and_the_old_set_stays(tmp_path):
    class Full(RealDisk):
        def write(self, path, data):
            raise OSError(28, "No space left on device")

    installed(tmp_path, "amur-2")
    sets = Sets(tmp_path / "models", Full())
    with pytest.raises(StoreError, match="No space left"):
        install(sets, a_set("amur-3"))
    sets.clear()
    assert on(tmp_path).card("amur-2").exists()
    assert sets.order() == ("amur-2", CONFIGURED)


def put_and_admit(state: Path, power: Power) -> None:
    install(Sets(state / "models", power.disk), a_set("amur-4"))


def go_back(state: Path, power: Power) -> None:
    Sets(state / "models", power.disk).rollback()


def mend(state: Path, power: Power) -> None:
    install(Sets(state / "models", power.disk), a_set("amur-3"))


def try_out(state: Path, power: Power) -> None:
    sets = Sets(state / "models", power.disk)
    with sets.trial("amur-3"):
        pass
    sets.judged("amur-3")


def whole(sets: Sets, folder: Path, name: str) -> bool:
    package = a_set(name)
    sets.card(name)
    found = {path.name: path.read_bytes() for path in (folder / "models" / name / "set").iterdir()}
    return {key: found[key] for key in package.files} == package.files


@pytest.fixture(params=[("amur-3",), ("amur-2", "amur-3")], ids="-and-".join)
def template(request, card):
    folder = card / "template"
    folder.mkdir()
    sets = installed(folder, *request.param)
    die(sets, "amur-3", 1)
    return folder


@pytest.mark.parametrize("work", [put_and_admit, go_back, mend, try_out])
def test_power_may_go_at_every_step_of_a_swap(card, template, work):
    before = on(template).order()

    def check(state: Path, power: Power) -> None:
        sets = on(state)
        order = sets.order()
        assert order[0] == CONFIGURED or whole(sets, state, order[0])
        assert all(name == CONFIGURED or whole(sets, state, name) for name in order)
        if not power.dead and work is put_and_admit:
            assert order[:2] == ("amur-4", "amur-3")
        if work is go_back:
            assert order[:2] in (before[:2], before[1::-1])
        install(sets, a_set("amur-5"))  # What the cut left behind hinders no other swap.
        left = {path.name for path in (state / "models").iterdir()}
        assert left - {"order", "order.part"} == set(sets.order()) - {CONFIGURED}

    assert every_cut(card, template, work, check) > 5


def test_a_disk_that_only_says_it_syncs_is_found_out(card):
    template = card / "template"
    template.mkdir()
    installed(template, "amur-2")
    torn = []

    def check(state: Path, power: Power) -> None:
        try:
            torn.append(not all(whole(on(state), state, each) for each in on(state).order()[:-1]))
        except (StoreError, OSError, KeyError):
            torn.append(True)

    every_cut(card, template, put_and_admit, check, make_disk=ForgetfulDisk)
    assert any(torn)
