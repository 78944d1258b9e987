"""Folders on the card that another user owns: pictures go on elsewhere, and it is said."""

import errno
import os
from pathlib import Path

import pytest

from tests.fakes import BLANK, KnowingClassifier, sort_all, sorter_of
from tests.fakes import boot as begin_boot
from tests.invariants import check_card
from tests.test_archive import begin, shot
from tests.test_eviction import ALL_THAT_MAY_GO, see
from tests.test_full_card import watch
from trapnode.errors import CardFailed
from trapnode.store.disk import RealDisk
from trapnode.store.store import Store, open_store

DAY = "2026/11/22"


class NotOurs(RealDisk):
    """A disk with folders that are another user's."""

    def __init__(self, *folders: str) -> None:
        self.folders = folders

    def _ask(self, path: Path) -> None:
        if any(f"/archive/{each}/" in f"{path}" for each in self.folders):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def write(self, path: Path, data: bytes) -> None:
        self._ask(path)
        super().write(path, data)

    def make_folder(self, folder: Path) -> None:
        self._ask(folder)
        super().make_folder(folder)

    def remove(self, path: Path) -> None:
        self._ask(path)
        super().remove(path)


def paths(store: Store) -> list[str]:
    return [frame.path for each in store.sequences.all() for frame in each.frames]


@pytest.mark.parametrize("folder", [DAY, "2026"], ids=["day", "year"])
def test_a_days_folder_that_is_not_ours_sends_its_pictures_elsewhere_and_says_so(
    state, run, clock, folder
):
    store = open_store(state, NotOurs(folder))
    said = watch(store, run, clock, [(5.0, 0.1), (60.0, 0.1)])
    assert len(paths(store)) == 6
    assert all(path.startswith(f"other/{DAY}/AL07.") for path in paths(store))
    assert any("pictures go to other/" in each for each in said)
    check_card(store)
    store.close()
    again = open_store(state)
    assert again.repair().lost == 0
    assert begin(again).sequence == 3
    again.close()


def test_a_number_that_is_taken_elsewhere_is_not_taken_again(state):
    store = open_store(state, NotOurs(DAY))
    begin(store).add(shot())  # Power cuts it before its row.
    assert begin(store).sequence == 2
    store.close()


def test_where_no_folder_is_ours_pictures_go_to_ram(state):
    store = open_store(state, NotOurs(DAY, "other"))
    with pytest.raises(CardFailed, match="cannot be written"):
        begin(store).add(shot())
    store.close()


def test_a_blank_that_is_not_ours_to_delete_holds_up_no_sequence(state, run, clock):
    store = open_store(state, disk := NotOurs())
    watch(store, run, clock, [(5.0, 0.1), (60.0, 0.1)])
    disk.folders = (DAY,)
    sort_all(sorter_of(store, run, lambda: KnowingClassifier((BLANK, BLANK))), clock)
    assert store.sequences.next_unsorted() is None
    assert store.sequences.discarding() == []
    store.close()


def test_what_cannot_go_frees_nothing_and_holds_up_no_other(state):
    store = open_store(state, disk := NotOurs())
    begin_boot(store)
    see(store, "deer")
    disk.folders = (DAY,)
    assert store.eviction.free(ALL_THAT_MAY_GO) == 0
    disk.folders = ()
    see(store, "deer")
    assert store.eviction.free(ALL_THAT_MAY_GO) > 0
    store.close()
