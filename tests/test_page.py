"""The page for the eye: what its rows and figures say; nothing of the card becomes mark-up.

What a browser makes of it is the rig's business (`tests/rig/page.py`).
"""

import html.parser
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.archives import NOON, Sightings, a_day, desk, scores, sightings
from trapnode.dump import DumpSummary, write_dump
from trapnode.dump.auditing import audit
from trapnode.dump.choice import Choice
from trapnode.message import Faults, Status, pack_status
from trapnode.model import ClockTrust, Scores, WakeReason
from trapnode.store import health

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)
HOSTILE = '</script><script>alert(1)</script>\u2028<img src=x onerror="1">'
EVERYTHING = Choice()


class Tags(html.parser.HTMLParser):
    """What a browser would see, fetch and link."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        told = dict(attributes)
        self.fetched += [told["src"]] if "src" in told else []
        self.linked += [told["href"]] if "href" in told else []


def dumped(seen: Sightings, dest: Path, choice: Choice = EVERYTHING) -> DumpSummary:
    return write_dump(
        seen.store, dest, desk(dest.parent), "AL07", 600, MADE_AT, lambda _: None, choice
    )


def rows(dump: Path) -> list[dict[str, Any]]:
    """The rows as a script's engine reads them: a line each."""
    first, *lines, last = (dump / "index.js").read_text("utf-8").splitlines()
    assert (first, last) == ("const SEQUENCES = [", "];")
    return [json.loads(line.removesuffix(",")) for line in lines]


def facts(dump: Path) -> dict[str, Any]:
    text = (dump / "index.html").read_text("utf-8")
    match = re.search(r'<script id="facts" type="application/json">(.*?)</script>', text)
    assert match
    return json.loads(match[1])


@pytest.fixture
def day(tmp_path: Path):
    seen = a_day(tmp_path / "state")
    yield seen
    seen.store.close()


@pytest.fixture
def empty(tmp_path: Path):
    seen = sightings(tmp_path / "state")
    yield seen
    seen.store.close()


def test_every_sequence_has_a_row_and_every_picture_of_it_is_there(day, tmp_path):
    dumped(day, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [each["label"] for each in found] == [
        "leopard", "leopard", "blank", "blank", "person", "unknown", "unclassified", "vehicle",
        "unclassified",
    ]  # fmt: skip
    assert [each["verdict"] for each in found] == [
        "target", "target", "discarded", "audit", "kept", "kept", "kept", "kept", "unsorted",
    ]  # fmt: skip
    paths = [path for each in found for path, *_ in each["frames"]]
    assert len(paths) == 27
    for path in paths:
        assert (tmp_path / "out" / "media" / path).is_file()
        if not path.endswith(".preview.jpg"):
            small = path.removesuffix(".jpg") + ".preview.jpg"
            assert (tmp_path / "out" / "previews" / small).is_file()


def test_the_page_needs_nothing_from_elsewhere(day, tmp_path):
    dumped(day, tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    seen = Tags(text)
    assert seen.fetched == ["index.js"]
    assert all((tmp_path / "out" / path).is_file() for path in seen.linked)
    assert "{{" not in text
    elsewhere = re.findall(r"https?://[^\"]*|@import|url\(|fetch\(", text)
    assert elsewhere == ["http://www.w3.org/2000/svg"]  # A name, never asked for.


def test_a_row_says_what_is_claimed_and_where(day, tmp_path):
    dumped(day, tmp_path / "out")
    family, *_ = rows(tmp_path / "out")
    assert family["probability"] == 0.91
    assert family["count"] == 3
    assert family["at"] == int(NOON.timestamp())
    assert family["clock"] == "rtc"
    assert [len(frame) - 1 for frame in family["frames"]] == [3, 1, 0]
    assert family["frames"][0][2] == [0.3, 0.25, 0.25, 0.5]


def test_the_best_picture_is_the_surest_of_the_label(empty, tmp_path):
    frames = [scores(leopard=0.6), scores(leopard=0.95), scores(leopard=0.7)]
    empty.judge(empty.see(NOON), "leopard", frames)
    dumped(empty, tmp_path / "out")
    assert rows(tmp_path / "out")[0]["best"] == 1


def test_a_row_says_what_an_unknown_may_be(empty, tmp_path):
    frames = [Scores({"blank": 0.41, "deer": 0.5, "boar": 0.09})] * 3
    empty.judge(empty.see(NOON), "unknown", frames)
    dumped(empty, tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert (row["label"], row["guess"], row["probability"]) == ("unknown", "deer", 0.5)


def test_what_comes_from_the_card_ends_no_script(empty, tmp_path):
    empty.judge(empty.see(NOON), HOSTILE, [None] * 3, reason=HOSTILE)
    dumped(empty, tmp_path / "out")
    seen = Tags((tmp_path / "out" / "index.html").read_text("utf-8"))
    assert seen.tags.count("script") == 3
    assert "img" not in seen.tags
    text = (tmp_path / "out" / "index.js").read_text("utf-8")
    assert "<" not in text
    assert text.isascii()
    assert rows(tmp_path / "out")[0]["reason"] == HOSTILE
    labels = facts(tmp_path / "out")["labels"]
    assert HOSTILE in [each["label"] for each in labels]


def test_what_a_person_may_answer_comes_life_first_and_blank_last(day, tmp_path):
    dumped(day, tmp_path / "out")
    labels = [each["label"] for each in facts(tmp_path / "out")["labels"]]
    assert labels[:2] == ["leopard", "tiger"]
    assert labels[-1] == "blank"
    assert len(set(labels)) == len(labels)


def test_answers_by_the_pages_paths_are_what_audit_reads(day, tmp_path):
    dumped(day, tmp_path / "out")
    (drawn,) = [each for each in rows(tmp_path / "out") if each["verdict"] == "audit"]
    path = drawn["frames"][drawn.get("best", 0)][0]
    labels = tmp_path / "answers.csv"
    labels.write_text(f"path,label\r\nmedia/{path},deer\r\n", "utf-8")
    found = audit(tmp_path / "out", labels)
    assert (found.answered, found.found, found.strangers) == (1, 1, 0)
    counted = facts(tmp_path / "out")["counted"]
    assert (counted["sequences"]["blank"], counted["audit"]) == (found.blanks, found.drawn)


def a_report(day: int) -> Status:
    return Status(
        NOON + timedelta(days=day), 12_600 - 100 * day, None if day else -8, 4000, 1, 1, 0, 0,
        0, 0, 0, WakeReason.PIR, ClockTrust.RTC, Faults.SORTER | Faults.CARD,
    )  # fmt: skip


def remember(seen: Sightings, *bodies: bytes) -> None:
    with seen.store.database.transaction():
        for day, body in enumerate(bodies):
            health.note(seen.store.database, NOON + timedelta(days=day), body)


def test_the_units_health_is_that_of_its_status_reports(empty, tmp_path):
    remember(empty, pack_status(a_report(0)), b"\xff" * 36, b"short", pack_status(a_report(1)))
    empty.boot(empty.trust)
    dumped(empty, tmp_path / "out")
    first, second = facts(tmp_path / "out")["status"]
    assert first == {
        "at": int(NOON.timestamp()), "battery": 12_600, "temperature": -8, "free": 4000,
        "card": "ok", "clock": "rtc", "faults": ["SORTER", "CARD"],
    }  # fmt: skip
    assert (second["battery"], second["temperature"]) == (12_500, None)


@pytest.mark.parametrize(
    ("choice", "days"),
    [(Choice(since=NOON + timedelta(hours=1)), [1, 2]), (Choice(only=("leopard",)), [0, 1, 2])],
    ids=["since", "only"],
)
def test_a_part_of_the_archive_has_the_health_of_its_time(day, tmp_path, choice, days):
    remember(day, *(pack_status(a_report(each)) for each in range(3)))
    dumped(day, tmp_path / "out", choice)
    told = [each["at"] for each in facts(tmp_path / "out")["status"]]
    assert told == [int((NOON + timedelta(days=each)).timestamp()) for each in days]


def test_a_doubtful_clock_is_told(empty, tmp_path):
    empty.see(NOON, trust=ClockTrust.NONE)
    empty.see(NOON + timedelta(hours=1))
    dumped(empty, tmp_path / "out")
    assert [each["clock"] for each in rows(tmp_path / "out")] == ["none", "rtc"]
    assert sum(facts(tmp_path / "out")["remarks"].values()) == 1


def test_a_public_page_shows_no_picture_of_a_person(day, tmp_path):
    dumped(day, tmp_path / "out", Choice(public=0.1))
    found = {each["label"]: each for each in rows(tmp_path / "out")}
    assert "frames" not in found["person"]
    assert len(found["leopard"]["frames"]) == 3


def test_the_same_archive_makes_the_same_page(day, tmp_path):
    for name in ("one", "two"):
        dumped(day, tmp_path / name)
    for file in ("index.html", "index.js"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_empty_archive_has_a_page(empty, tmp_path):
    dumped(empty, tmp_path / "out")
    assert "Camera trap AL07" in (tmp_path / "out" / "index.html").read_text("utf-8")
    assert rows(tmp_path / "out") == []
