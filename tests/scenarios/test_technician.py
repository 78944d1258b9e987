"""A technician's visit on a real pseudo-terminal, and the guide that shows it."""

from pathlib import Path

from tests.scenarios.technician import BLOCK, GUIDE, filled, play, same

LINES_MOST = 165  # Two pages of paper.


def test_the_guide_shows_what_a_technician_sees(tmp_path: Path) -> None:
    guide = GUIDE.read_text("utf-8")
    seen = play(tmp_path)
    assert "SELFTEST PASSED: 8 of 8" in seen["selftest"]
    assert "PIR 1\n" in seen["selftest"]
    assert "ERR 7 locked" in seen["leave"]
    assert "frames keep" in seen["collect"]
    for each in seen.values():
        assert all(len(line) <= 80 for line in each.splitlines())
    assert set(seen) == {found[2] for found in BLOCK.finditer(guide)}
    shown, shows = same(filled(guide, seen)).splitlines(), same(guide).splitlines()
    assert shown == shows  # Else: python -m tests.scenarios.technician


def test_the_guide_is_two_pages() -> None:
    assert len(GUIDE.read_text("utf-8").splitlines()) <= LINES_MOST
