"""What a sample says of all: against published values, by counting, and through the command."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.archives import NOON, scores, sightings
from trapnode.cli import main
from trapnode.dump import write_dump
from trapnode.dump.auditing import audit
from trapnode.errors import UsageError
from trapnode.policy.audit import bounds, estimate

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)
ENDLESS = 10_000_000


@pytest.mark.parametrize(
    ("found", "looked", "least", "most"),
    [  # Clopper & Pearson, 95 %, as every table of it has them.
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (0, 100, 0.0, 0.0362),
        (5, 50, 0.0333, 0.2181),
        (10, 100, 0.0490, 0.1762),
        (20, 20, 0.8316, 1.0),
    ],
)
def test_of_endlessly_many_it_is_clopper_and_pearsons(found, looked, least, most):
    told = [each / ENDLESS for each in bounds(found, looked, ENDLESS)]
    assert told == pytest.approx([least, most], abs=5e-5)


def test_who_saw_all_knows():
    assert bounds(3, 40, 40) == (3, 3)
    assert bounds(0, 0, 0) == (0, 0)


def test_who_saw_nothing_knows_nothing():
    assert bounds(0, 0, 40) == (0, 40)


@pytest.mark.parametrize("wrong", [(-1, 3, 4), (4, 3, 4), (1, 5, 4)])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="each must be within the next"):
        bounds(*wrong)


def chance(found: int, looked: int, misses: int, blanks: int) -> float:
    return comb(misses, found) * comb(blanks - misses, looked - found) / comb(blanks, looked)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_whatever_is_true_the_interval_holds_it_95_times_of_100(of):
    blanks, looked = of
    intervals = [bounds(found, looked, blanks) for found in range(looked + 1)]
    for misses in range(blanks + 1):
        held = sum(
            chance(found, looked, misses, blanks)
            for found, (least, most) in enumerate(intervals)
            if found <= misses and looked - found <= blanks - misses and least <= misses <= most
        )
        assert held >= 0.95 - 1e-9


def test_the_estimate_is_right_on_average_whatever_made_room():
    """Drawn at random, thinned at random: the mean over all samples is the truth."""
    blanks, misses, left = 30, 7, 9
    mean = sum(
        chance(found, left, misses, blanks) * estimate(found, left, blanks).likely
        for found in range(min(left, misses) + 1)
    )
    assert mean == pytest.approx(misses)


def test_a_share_is_of_those_missed_and_those_kept():
    share = estimate(5, 50, 1000).of(300)
    assert share.likely == pytest.approx(100 / 400)
    assert share.least < share.likely < share.most
    assert estimate(0, 0, 0).of(0).most == 0.0


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A dump of 20 blanks, 10 of them drawn; 5 deer; a person."""
    folder = tmp_path_factory.mktemp("made")
    seen = sightings(folder / "state")
    for hour in range(20):
        at = NOON + timedelta(hours=hour)
        seen.judge(seen.see(at, 2), "blank", [scores(blank=0.97)] * 2, audit=hour % 2 == 0)
    for hour in range(5):
        seen.judge(seen.see(NOON + timedelta(days=2, hours=hour), 1), "deer", [scores(deer=0.9)])
    seen.judge(seen.see(NOON + timedelta(days=3), 1), "person", [scores(person=0.9)])
    with seen.store.database.transaction():
        seen.store.database.run("INSERT INTO forgotten VALUES ('blank', 0, 0, 180)")
        seen.store.database.run("INSERT INTO forgotten VALUES ('blank', 0, 1, 10)")
        seen.store.database.run("UPDATE frame SET state = 'evicted' WHERE sequence IN (1, 3)")
    for path in (folder / "state" / "archive").rglob("*.00000[13].?.jpg"):
        path.unlink()
    write_dump(seen.store, folder / "out", None, "AL07", 600, MADE_AT)
    seen.store.close()
    return folder / "out"


@pytest.fixture
def dumped(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "out")


def answers(folder: Path, *given: tuple[int, str]) -> Path:
    pictures = {int(p.name.split(".")[2]): p for p in sorted((folder / "media").rglob("*.2.jpg"))}
    lines = [f"{pictures[n].relative_to(folder)},{label}" for n, label in given]
    path = folder.parent / "answers.csv"
    path.write_text("\n".join(["path,label", *lines]) + "\n", "utf-8")
    return path


def test_answers_become_an_estimate(dumped):
    every = [(n, "blank") for n in (5, 7, 9, 11, 13, 15, 17)] + [(19, "leopard")]
    told = audit(dumped, answers(dumped, *every))
    assert (told.blanks, told.drawn, told.whole) == (210, 20, 8)
    assert (told.answered, told.found, told.kept, told.strangers) == (8, 1, 5, 0)
    assert told.missed.likely == pytest.approx(210 / 8)
    assert "missed by the filter: 84.0%" in str(told)


def test_only_an_animal_is_a_miss_and_only_the_label_that_was_asked_for(dumped):
    file = answers(dumped, (5, "person"), (7, "Deer"), (9, "leopard"), (11, ""))
    assert audit(dumped, file).found == 2
    assert audit(dumped, file).answered == 3
    leopard = audit(dumped, file, "leopard")
    assert (leopard.found, leopard.kept) == (1, 0)
    assert "100.0%" in str(leopard)


def test_answers_for_other_pictures_are_counted_and_left_out(dumped):
    file = answers(dumped, (5, "blank"))
    others = "media/2026/11/24/AL07.20261124T020000Z.000021.1.jpg,deer\nIMG_0001.JPG,deer\n"
    file.write_text(file.read_text("utf-8") + others, "utf-8")
    told = audit(dumped, file)
    assert (told.answered, told.found, told.strangers) == (1, 0, 2)
    assert "warning: 2 answers are for pictures not of the sample" in str(told)


@pytest.mark.parametrize("ending", [".age", f".{'0a' * 16}.age"])
def test_a_sealed_name_is_the_same_picture(dumped, ending):
    file = answers(dumped, (5, "blank"), (7, "leopard"))
    file.write_text(file.read_text("utf-8").replace(".jpg,leopard", f".jpg{ending},leopard"))
    told = audit(dumped, file)
    assert (told.answered, told.found, told.strangers) == (2, 1, 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,name\na,b\n", "has no column path, label"),
        ("path,label\n", "no answer for a picture"),
        ("path,label\n\xff", "is not UTF-8"),
    ],
)
def test_a_file_of_answers_that_is_none_is_named(dumped, tmp_path, text, complaint):
    file = tmp_path / "answers.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=complaint):
        audit(dumped, file)


def test_a_dump_without_a_sample_is_named_not_the_answers(tmp_path):
    seen = sightings(tmp_path / "state")
    seen.judge(seen.see(NOON, 1), "blank", [scores(blank=0.97)])
    write_dump(seen.store, tmp_path / "out", None, "AL07", 600, MADE_AT)
    seen.store.close()
    (tmp_path / "answers.csv").write_text("path,label\n", "utf-8")
    with pytest.raises(UsageError, match="out: has no audit sample"):
        audit(tmp_path / "out", tmp_path / "answers.csv")


def test_what_is_no_dump_is_named(dumped, tmp_path):
    with pytest.raises(UsageError, match="is not there"):
        audit(dumped, tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is not of a dump"):
        audit(tmp_path, tmp_path / "none.csv")


def test_the_command_says_it_with_its_assumption(dumped, capsys):
    file = answers(dumped, *[(n, "blank") for n in (5, 7, 9)])
    assert main(["audit", str(dumped), "--labels", str(file)]) == 0
    said = capsys.readouterr().out
    assert (
        "20 of 210 blanks were drawn for audit, 8 of them are whole still, 3 were answered" in said
    )
    assert "It holds if" in said


def test_the_package_counts_what_the_estimate_needs(dumped):
    counted = json.loads((dumped / "datapackage.json").read_text("utf-8"))["counted"]
    assert counted == {"sequences": {"blank": 210, "deer": 5, "person": 1}, "audit": 20}
