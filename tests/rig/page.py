"""A dump's page in headless Chromium: loads, filters, keyboard, CSV; 10,000 sequences; 360 px.

usage: python -m tests.rig.page DUMP [PICTURES]    screenshots for a person's eye go to PICTURES
"""

import csv
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.rig.chromium import Tab, tab
from trapnode.dump.page import ROWS

DRIVER = Path(__file__).with_name("page.js")
FEW, MANY = 60, 10_000
MOST_CARDS = 150  # In the document at a time, whatever the number of sequences.
SIZES = {"desk": (1280, 900), "phone": (360, 740)}
BEGAN_S = 1_790_000_000
HOSTILE = "</script><script>harmed=1</script><img src=x onerror=harmed=1>"


def main(dump: Path, pictures: Path | None) -> str:
    """Look at the page of a dump, and at one of many sequences, in each size."""
    with tempfile.TemporaryDirectory() as folder, tab() as browser:
        work = Path(folder) / "dump"
        shutil.copytree(dump, work)
        browser.open(work / "index.html", *SIZES["desk"])
        assert browser.run("cards.size && ALL.length") == len(_rows(work))
        for name in SIZES:
            _multiply(work, FEW)
            _look(browser, work, name, FEW, pictures)
        _multiply(work, MANY)
        many = {name: _look(browser, work, name, MANY, None) for name in SIZES}
        paper = browser.pdf()
        assert paper.startswith(b"%PDF"), paper[:20]
        if pictures:
            (pictures / "paper.pdf").write_bytes(paper)
    slowest = max(each["slowestMs"] for each in many.values())
    cards = max(each["cardsBelow"] for each in many.values())
    return (
        f"{FEW} and {MANY} sequences at 1280 and 360 pixels: filter, keyboard, CSV, paper;"
        f" at most {cards} cards in the document, the slowest leap over 250 sequences {slowest} ms"
    )


def _look(
    browser: Tab, dump: Path, name: str, sequences: int, pictures: Path | None
) -> dict[str, Any]:
    browser.open(dump / "index.html", *SIZES[name])
    found: dict[str, Any] = browser.run(DRIVER.read_text("utf-8"))
    _check(found, sequences)
    if pictures:
        browser.picture(pictures / f"{name}.png")
        browser.run("review(1); new Promise((done) => setTimeout(done, 900))")
        browser.picture(pictures / f"{name}-review.png")
    browser.run("unsaved = false")  # Or the browser would ask before it leaves.
    return found


def _check(found: dict[str, Any], sequences: int) -> None:
    assert found["all"] == sequences, found
    assert found["shown"] > 0, found
    assert found["loaded"] == min(found["cards"], found["shown"]), found
    assert found["strangers"] == 0, found
    assert found["fits"], found
    assert found["viewerFits"], found
    assert found["bars"] >= 25, found
    assert max(found["cards"], found["cardsBelow"]) <= MOST_CARDS, found
    assert found["lastIsThere"], found
    assert found["chosen"] > 2, found
    assert found["others"] == 0, found
    assert (found["moved"], found["onward"]) == (1, 1), found
    assert found["opened"], found
    assert found["helped"], found
    assert found["closed"], found
    assert found["remembered"] == 2, found
    rows = list(csv.reader(io.StringIO(found["csv"])))
    assert rows[0] == ["path", "label"], rows
    assert {label for _, label in rows[1:]} == {'a "strange", one', found["label"], "tiger"}, rows


def _rows(dump: Path) -> list[dict[str, Any]]:
    lines = (dump / ROWS).read_text("utf-8").splitlines()
    return [json.loads(line.removesuffix(",")) for line in lines[1:-1]]


def _multiply(dump: Path, count: int) -> None:
    """Make of a dump's sequences others of the same pictures, some with a hostile label."""
    rows = _rows(dump)
    with (dump / ROWS).open("w", encoding="utf-8") as file:
        file.write("const SEQUENCES = [\n")
        for number in range(count):
            row = rows[number % len(rows)]
            row |= {"stem": f"{number}", "at": BEGAN_S + 1800 * number}
            hostile = {"label": HOSTILE, "reason": HOSTILE} if number % 50 == 3 else {}
            file.write(json.dumps(row | hostile).replace("<", "\\u003c") + ",\n")
        file.write("];\n")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
