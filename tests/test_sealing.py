"""With keys configured nothing lies open on the card, and the sorter sorts all the same."""

import errno
import logging
import sys
from pathlib import Path

import pytest

from tests.fakes import (
    BLANK,
    LEOPARD,
    NOON,
    KnowingClassifier,
    boot,
    jpeg,
    number_of,
    sort_all,
    sorter_of,
    take,
)
from tests.faults import FailingDisk, Power
from tests.invariants import check_card, frames_on
from tests.sealed import (
    ESCROW,
    PARK,
    RECIPIENTS,
    STRANGER,
    SealedPower,
    opener,
    sealing_in,
)
from trapnode.age import NotSound, Sealer, WrongKey
from trapnode.cli.sealing import of_station
from trapnode.config import parse
from trapnode.errors import DeviceError, StoreError, UsageError
from trapnode.model import Shot, Trigger, Verdict
from trapnode.store import names
from trapnode.store.disk import RealDisk
from trapnode.store.seals import Seals, read_seals, remember
from trapnode.store.store import open_store


@pytest.fixture
def sealed(state):
    """A store that seals; its copies lie beside it."""
    (state / "run").mkdir()
    power = SealedPower()
    yield power.open(state)
    power.end()


def files(store):
    return sorted(p for p in store.archive.root.rglob("*") if p.is_file())


def sort(store, state, *script):
    sorter = sorter_of(store, state / "run", lambda: KnowingClassifier(script))
    from trapnode.sim.clock import SteppedClock

    sort_all(sorter, SteppedClock())


# age files


def test_each_key_opens_alone_and_a_strangers_does_not(tmp_path):
    content = Sealer(RECIPIENTS)(b"a picture")
    assert content.startswith(b"age-encryption.org/v1\n")
    for key in (PARK, ESCROW):
        assert opener(tmp_path, key).open(content) == b"a picture"
    with pytest.raises(WrongKey):
        opener(tmp_path, STRANGER).open(content)
    for broken in (content[:-1], content[:50], b"", content[:-1] + bytes([content[-1] ^ 1])):
        with pytest.raises(NotSound):
            opener(tmp_path).open(broken)


@pytest.mark.parametrize("bad", [("age1nonsense",), (PARK[0],), (PARK[1], ""), ()])
def test_what_is_no_public_half_is_refused_and_not_repeated(bad):
    with pytest.raises(ValueError, match="public half") as caught:
        Sealer(bad)
    assert PARK[0] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "holds no private key"),
        (PARK[1].encode(), "holds no private key"),
        (PARK[0][:-1].encode(), "a private key with a fault"),
        (b"\xff\xfe", "it is not text"),
    ],
    ids=["empty", "public", "cut", "bytes"],  # Keys are new in each run: no test may be named so.
)
def test_a_bad_key_file_is_named_without_its_key(tmp_path, text, says):
    (tmp_path / "park.key").write_bytes(text)
    from trapnode.age import Opener

    with pytest.raises(UsageError, match=says) as caught:
        Opener(tmp_path / "park.key")
    assert PARK[0][:-1] not in str(caught.value)
    with pytest.raises(UsageError, match="cannot be read"):
        Opener(tmp_path)


# The card


def test_frames_and_previews_are_sealed_and_each_key_opens_them(sealed, state, tmp_path, clock):
    take(sealed, state / "run", clock)
    found = files(sealed)
    assert len(found) == 6
    for path in found:
        assert path.name.endswith(".age")
        assert sealed.archive.sealing.genuine(path, path.name)
        for key in (PARK, ESCROW):
            assert number_of(opener(tmp_path, key).open(path.read_bytes())) in (1, 2, 3)
    (sequence,) = sealed.sequences.all()
    assert sequence.frames[0].path.endswith(".000001.1.jpg")
    assert sealed.archive.root / names.file_of(sequence.frames[0]) in found
    check_card(sealed)


def test_the_sorter_judges_copies_which_go_with_the_verdict(sealed, state, clock):
    take(sealed, state / "run", clock, bursts=2)
    copies = sealed.archive.sealing.copies
    assert len(copies.stems()) == 2
    sort(sealed, state, BLANK, LEOPARD)
    blank, leopard = sealed.sequences.observations()
    assert (blank.verdict, leopard.label) == (Verdict.DISCARD, "leopard")
    assert copies.stems() == set()
    assert frames_on(sealed) == {4, 5, 6}
    assert sum(".preview.jpg." in path.name for path in files(sealed)) == 6
    check_card(sealed)


def test_an_audit_sample_stays_sealed_and_whole(sealed, state, clock):
    from trapnode.sim.clock import SteppedClock

    take(sealed, state / "run", clock)
    script = KnowingClassifier((BLANK,))
    sort_all(sorter_of(sealed, state / "run", lambda: script, draw=0.01), SteppedClock())
    (observation,) = sealed.sequences.observations()
    assert observation.audit
    assert frames_on(sealed) == {1, 2, 3}


def test_what_ram_lost_stays_unclassified(sealed, state, clock):
    take(sealed, state / "run", clock)
    for path in (state / "run" / "copies").iterdir():
        path.unlink()
    sort(sealed, state, BLANK)
    (observation,) = sealed.sequences.observations()
    assert (observation.label, observation.verdict) == ("unclassified", Verdict.KEEP)
    assert frames_on(sealed) == {1, 2, 3}


def test_a_copy_without_its_preview_on_the_card_discards_nothing(sealed, state, clock):
    take(sealed, state / "run", clock)
    for path in files(sealed):
        if ".preview." in path.name:
            path.unlink()
    sort(sealed, state, BLANK)
    assert sealed.sequences.observations()[0].label == "unclassified"
    assert frames_on(sealed) == {1, 2, 3}


def test_without_room_in_ram_everything_is_kept(state, clock):
    (state / "run").mkdir()
    power = Power()
    sealing = sealing_in(state / "run")
    sealing.copies._most_bytes = 0
    store = open_store(state, power.disk, power.connect, sealing)
    take(store, state / "run", clock)
    sort(store, state, BLANK)
    assert store.sequences.observations()[0].label == "unclassified"
    assert frames_on(store) == {1, 2, 3}
    power.end()


def test_a_camera_without_previews_has_copies_of_its_frames(sealed):
    burst = sealed.archive.begin("AL07", 600, "imx708", Trigger(NOON, 1.0), boot(sealed))
    burst.add(Shot(jpeg(7), b"", NOON))
    burst.close()
    (sequence,) = sealed.sequences.all()
    assert sealed.archive.preview(sequence.frames[0]) is None
    assert sealed.archive.pixels(sequence.frames[0]) == jpeg(7)
    sealed.archive.judged(sequence)
    assert sealed.archive.pixels(sequence.frames[0]) is None


def test_copies_of_what_was_sorted_meanwhile_go_when_the_sorter_starts(sealed, state, clock):
    take(sealed, state / "run", clock, bursts=2)
    with sealed.database.transaction():
        sealed.database.run("UPDATE sequence SET state = 'sorted' WHERE id = 1")
    sorter_of(sealed, state / "run", lambda: KnowingClassifier(()))
    assert {stem.rpartition(".")[2] for stem in sealed.archive.sealing.copies.stems()} == {"000002"}


def test_a_burst_of_the_same_second_takes_no_sealed_name(sealed, state):
    for _ in range(2):
        burst = sealed.archive.begin("AL07", 600, "imx708", Trigger(NOON, 1.0), boot(sealed))
        burst.add(Shot(jpeg(1), jpeg(1), NOON))
        burst.sync()
        with sealed.database.transaction():  # As if power had gone before the rows.
            sealed.database.run("DELETE FROM frame")
            sealed.database.run("DELETE FROM sequence")
    assert {path.name.split(".")[2] for path in files(sealed)} == {"000001", "000002"}
    assert sealed.repair().adopted == 2


def test_a_frame_that_cannot_be_sealed_never_lies_open(sealed):
    def fail(data):
        raise StoreError("it cannot be sealed: no reason")

    sealed.archive.sealing = sealed.archive.sealing._replace(sealer=fail)
    burst = sealed.archive.begin("AL07", 600, "imx708", Trigger(NOON, 1.0), boot(sealed))
    with pytest.raises(StoreError, match=r"1\.jpg: .*cannot be sealed"):
        burst.add(Shot(jpeg(1), jpeg(1), NOON))
    assert files(sealed) == []


# What the store remembers


def test_the_store_remembers_key_and_recipients(state):
    assert read_seals(state) is None
    first = remember(state, FailingDisk(Power()), RECIPIENTS)
    assert len(first.key) == 32
    assert read_seals(state) == first
    second = remember(state, FailingDisk(Power()), (STRANGER[1],))
    assert second == Seals(first.key, (STRANGER[1],), RECIPIENTS)
    assert read_seals(state) == second


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"key": "00"}', '{"key": "zz"}'])
def test_a_torn_memory_is_made_anew_and_not_printed(state, torn, caplog):
    (state / "sealing.json").write_text(torn)
    assert remember(state, FailingDisk(Power()), RECIPIENTS).recipients == RECIPIENTS
    assert "makes no sense" in caplog.text


def test_a_memory_that_only_cannot_be_read_now_is_not_replaced(state):
    (state / "sealing.json").mkdir()
    assert read_seals(state) is None
    with pytest.raises(StoreError, match="cannot be read"):
        remember(state, FailingDisk(Power()), RECIPIENTS)


def test_a_memory_on_a_worn_sector_is_set_aside_and_sealing_goes_on(sealed, state, clock):
    remember(state, RealDisk(), RECIPIENTS)
    take(sealed, state / "run", clock)
    read = Path.read_text

    def worn(path, *rest):
        if path.name == "sealing.json" and not (state / "sealing.json.unreadable").exists():
            raise OSError(errno.EIO, "Input/output error")
        return read(path, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", worn)
        fresh = remember(state, RealDisk(), RECIPIENTS)
        assert read_seals(state) == fresh
    assert fresh.lost, "the marks of before are by another key"


def test_without_the_library_there_is_no_picture_rather_than_an_open_one(state, run, monkeypatch):
    good = parse(f'[paths]\nstate = "{state}"\n[sealing]\nrecipients = {list(RECIPIENTS)}')
    monkeypatch.setitem(sys.modules, "trapnode.age", None)
    with pytest.raises(DeviceError, match="pyrage does not load"):
        of_station(good, run, "")


def test_a_cut_while_it_is_remembered_changes_no_key(tmp_path):
    from tests.faults import PowerCut

    for cut in range(1, 50):
        state = tmp_path / str(cut)
        state.mkdir()
        first = remember(state, FailingDisk(Power()), RECIPIENTS)
        power = Power(cut)
        try:
            remember(state, power.disk, (STRANGER[1],))
        except PowerCut:
            power.end()
            found = read_seals(state)
            assert found is not None
            assert found.key == first.key
        else:
            break
    assert cut > 4


def test_a_broken_configuration_keeps_sealing_to_the_keys_of_before(state, run, caplog):
    caplog.set_level(logging.ERROR)
    good = parse(f'[paths]\nstate = "{state}"\n[sealing]\nrecipients = {list(RECIPIENTS)}')
    sealing, _ = of_station(good, run, "")
    assert sealing is not None
    defaults = parse(f'[paths]\nstate = "{state}"')
    again, _ = of_station(defaults, run, "not TOML; running on built-in defaults")
    assert again is not None
    assert again.seals == sealing.seals
    assert of_station(defaults, run, "")[0] is None, "a person took the keys out"


def test_a_unit_that_seals_and_swaps_says_so(state, run, monkeypatch):
    good = parse(f'[paths]\nstate = "{state}"\n[sealing]\nrecipients = {list(RECIPIENTS)}')
    monkeypatch.setattr(
        "trapnode.cli.sealing.leaves_ram", lambda _: "/var/swap is used for swapping"
    )
    sealing, fault = of_station(good, run, "")
    assert fault.startswith("pictures may reach a disk open")
    assert fault.endswith("/var/swap is used for swapping")
    assert sealing is not None
    assert (sealing.sealer is None, sealing.copies) == (False, None)


def test_copies_are_made_in_ram_alone(state, run, card):
    good = parse(f'[paths]\nstate = "{state}"\n[sealing]\nrecipients = {list(RECIPIENTS)}')
    there, fault = of_station(good, card, "")
    assert there is not None
    assert there.copies is not None or "swapping" in fault or "not in RAM" in fault
    nowhere, fault = of_station(good, run, "")  # pytest's folders may lie in RAM, too.
    assert nowhere is not None
    assert bool(fault) is (nowhere.copies is None)
