"""The labels that a second look at the pictures did not confirm."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from models.training.corrections import CORRECTIONS, BadCorrection, Correction, read_corrections

INDEX = Path(__file__).parent.parent.parent / "shared" / "data" / "index.csv"
HEADER = "path,label,seen,note\n"


@pytest.fixture
def table(tmp_path):
    def write(*rows):
        file = tmp_path / "corrections.csv"
        file.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return file

    return write


def test_each_frame_in_doubt_is_found_by_its_path(table):
    file = table("images/a.jpg,person,nothing,gone", "images/b.jpg,blank,unsure,")
    assert read_corrections(file) == {
        "images/a.jpg": Correction("images/a.jpg", "person", "nothing", "gone"),
        "images/b.jpg": Correction("images/b.jpg", "blank", "unsure", ""),
    }


@pytest.mark.parametrize(
    ("label", "seen", "hint"),
    [
        ("person", "living", "use nothing or unsure"),
        ("blank", "nothing", "use living or unsure"),
        ("deer", "blank", "use nothing or unsure"),
        ("deer", "", "use nothing or unsure"),
    ],
)
def test_a_row_that_corrects_nothing_is_refused(table, label, seen, hint):
    with pytest.raises(BadCorrection, match=rf"images/a\.jpg, labelled {label}.*{hint}"):
        read_corrections(table(f"images/a.jpg,{label},{seen},"))


def test_a_frame_is_corrected_once(table):
    with pytest.raises(BadCorrection, match=r"images/a\.jpg is there twice"):
        read_corrections(table("images/a.jpg,deer,nothing,", "images/a.jpg,deer,unsure,"))


def test_the_table_has_the_counts_that_its_account_gives():
    counts = Counter(correction.seen for correction in read_corrections().values())
    last = f"| all | 1818 | {counts['nothing']} | {counts['living']} | {counts['unsure']} |"
    assert last in CORRECTIONS.with_suffix(".md").read_text()


@pytest.mark.skipif(not INDEX.is_file(), reason="no pictures beside the repo")
def test_every_corrected_frame_is_in_the_index_with_the_label_it_corrects():
    with INDEX.open(newline="") as lines:
        index = {row["path"]: row["label"] for row in csv.DictReader(lines)}
    corrected = {path: one.label for path, one in read_corrections().items()}
    assert corrected.items() <= index.items()
