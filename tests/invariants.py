"""What must hold of every card that a power cut left, whoever made the cut."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.fakes import (
    LEOPARD,
    NOON,
    KnowingClassifier,
    ScriptedModem,
    boot,
    heard,
    number_of,
    sort_all,
    sorter_of,
    take,
    uplinker_of,
)
from tests.sealed import open_picture
from trapnode.model import FrameState
from trapnode.sim.clock import SteppedClock
from trapnode.store import names
from trapnode.store.repair import is_whole_jpeg
from trapnode.store.store import Store

RUN = "run"


def contents(state: Path) -> Counter[bytes]:
    """Give the bytes of every file that a start-up may not delete."""
    folders = (state / "archive", state / "quarantine")
    return Counter(data for folder in folders for data in files_below(folder).values())


def files_below(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder, by their paths relative to it; none if it is not there."""
    found, above = {}, len(str(folder)) + 1
    for here, _, inside in os.walk(str(folder)):
        for name in inside:
            path = f"{here}/{name}"
            with open(path, "rb", buffering=0) as file:
                found[path[above:]] = file.read()
    return found


def recovered(state: Path, open_store: Callable[[Path], Store]) -> Store:
    """Open and repair the store as the next boot does, and check what must always hold."""
    before = contents(state)
    store = open_store(state)
    try:
        store.repair()
        assert not before - contents(state), "a start-up deletes nothing"
        check_card(store)
    except BaseException:
        store.close()
        raise
    return store


def check_card(store: Store) -> None:
    """Check that files and rows agree, after a repair."""
    root, database = store.archive.root, store.database
    files = files_below(root)
    rows = {
        str(path): row
        for path, *row in database.rows("SELECT path, state, bytes, mark, preview_mark FROM frame")
    }
    for path, data in files.items():
        assert path.endswith((".jpg", ".age")), f"{path}: half files do not stay in the archive"
        assert is_whole(store, root / path, data), f"{path}: not whole"
        frame = names.opened(path).replace(".preview.jpg", ".jpg")
        assert frame in rows, f"{path}: has no row"
    for path, (state, size, mark, preview_mark) in rows.items():
        if state == FrameState.WHOLE:
            assert len(files[names.stored(path, str(mark))]) == size
        if state in (FrameState.DISCARDING, FrameState.DISCARDED):
            preview = names.stored(names.preview_path(path), str(preview_mark))
            assert preview in files, "the evidence stays"
    assert not database.rows("SELECT 1 FROM sequence WHERE state = 'open'")
    assert not database.rows(
        "SELECT 1 FROM frame f LEFT JOIN observation o ON o.id = f.sequence"
        " WHERE f.state IN ('discarding', 'discarded')"
        " AND (f.scores IS NULL OR o.verdict IS NOT 'discard' OR o.audit)"
    ), "only a verdict on the card discards"


def is_whole(store: Store, path: Path, data: bytes) -> bool:
    """Say whether a file is whole: by its end, or by its mark and what it holds."""
    if path.suffix != names.SEALED:
        return is_whole_jpeg(data)
    return store.archive.sealing.genuine(path, path.name) and is_whole_jpeg(open_picture(path))


def frames_on(store: Store) -> set[int | None]:
    """Give the numbers of the full frames on the card."""
    return {
        number_of(open_picture(path))
        for path in store.archive.root.rglob("*.jpg*")
        if ".preview.jpg" not in path.name
    }


def goes_on(store: Store, state: Path) -> list[bytes]:
    """Take, sort and send one more, as if nothing had been; give what was sent."""
    clock = SteppedClock(NOON.replace(year=2027))
    observed = len(store.sequences.observations())
    take(store, state / RUN, clock)
    script = KnowingClassifier((LEOPARD,) * 20)
    sort_all(sorter_of(store, state / RUN, lambda: script), clock)
    assert len(store.sequences.observations()) > observed
    modem = ScriptedModem()
    clock.step(90_000)
    uplinker = uplinker_of(store, state / RUN, boot(store, "after"))
    while uplinker.send_next(modem, clock):
        pass
    newest = store.sequences.observations()[-1]
    told = [each.observation for sent in modem.accepted for each in heard(sent).observations]
    assert newest.event != newest.id or newest.id in told
    assert not store.outbox.undone()
    assert not store.outbox.waiting()
    return modem.given
