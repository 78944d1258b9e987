"""One SQLite file, opened by all; a broken one goes to quarantine and the unit goes on."""

import sqlite3
from datetime import UTC, datetime

import pytest

from tests.fakes import NOON, boot, take
from trapnode.errors import CardFailed, StoreError
from trapnode.store.database import connect, moment, text
from trapnode.store.store import DATABASE, Store, open_store

BROKEN = [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000, bytes(8192)]


def file_names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_moment_comes_back_and_sorts_as_text():
    early, late = NOON.replace(microsecond=5), NOON.replace(year=2038, month=1, day=20)
    assert moment(text(early)) == early
    assert text(early) < text(late)
    assert text(datetime(2026, 1, 1, tzinfo=UTC)).endswith(".000000Z")


def test_every_connection_keeps_its_commits_through_a_power_cut(tmp_path):
    connection = connect(tmp_path / "db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("garbage", BROKEN, ids=["text", "header", "zeros"])
def test_a_database_replaced_by_garbage_is_set_aside_and_the_frames_adopted(
    state, run, clock, garbage
):
    first = open_store(state)
    take(first, run, clock, bursts=2)
    first.close()
    (state / DATABASE).write_bytes(garbage)
    store = open_store(state)
    assert file_names(state / "quarantine") == [f"000.{DATABASE}"]
    assert (state / "quarantine" / f"000.{DATABASE}").read_bytes() == garbage
    assert store.repair().adopted == 6
    assert [each.id for each in store.sequences.all()] == [1, 2]
    store.close()


def test_a_second_broken_database_does_not_replace_the_first_in_quarantine(state):
    for garbage in BROKEN[:2]:
        (state / DATABASE).write_bytes(garbage)
        open_store(state).close()
    names = file_names(state / "quarantine")
    assert names == [f"000.{DATABASE}", f"001.{DATABASE}"]


def test_a_database_that_breaks_in_its_middle_is_replaced_at_the_next_opening(state, run, clock):
    first = open_store(state)
    take(first, run, clock, bursts=3)
    first.close()
    data = bytearray((state / DATABASE).read_bytes())
    with sqlite3.connect(state / DATABASE) as reader:
        (page,) = reader.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'frame'"
        ).fetchone()
    reader.close()
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    (state / DATABASE).write_bytes(data)
    broken = open_store(state)  # The damage is not where an opening looks.
    with pytest.raises(StoreError, match="malformed"):
        broken.database.rows("SELECT * FROM frame")
    broken.close()
    store = open_store(state)
    assert store.repair().adopted == 9
    assert f"000.{DATABASE}" in file_names(state / "quarantine")
    assert not (state / "trapnode.suspect").exists()
    store.close()


class Worn(sqlite3.Connection):
    """A connection to a file of which one sector cannot be read."""

    def execute(self, sql, *rest):
        if "frame" in sql or "quick_check" in sql:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
            raise error
        return super().execute(sql, *rest)


def worn(path):
    """Connect to a file that is worn if it is the first of this name that was there."""
    there, first = path.exists(), path.with_name("worn")
    if there and not first.exists():
        first.hardlink_to(path)
    factory = Worn if there and first.samefile(path) else sqlite3.Connection
    return sqlite3.connect(path, isolation_level=None, factory=factory)


def test_a_database_with_an_unreadable_sector_is_replaced_and_the_card_stays_in_use(
    state, run, clock
):
    first = open_store(state)
    take(first, run, clock, bursts=2)
    first.close()
    store = open_store(state, connect=worn)
    with pytest.raises(StoreError, match="disk I/O error") as caught:
        store.database.rows("SELECT * FROM frame")
    assert not isinstance(caught.value, CardFailed)
    store.close()
    store = open_store(state, connect=worn)
    assert f"000.{DATABASE}" in file_names(state / "quarantine")
    assert store.repair().adopted == 6
    store.close()


def test_a_card_that_cannot_even_read_a_fresh_database_has_failed(state):
    class Dead(sqlite3.Connection):
        def execute(self, sql, *rest):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHORT_READ
            raise error

    with pytest.raises(CardFailed):
        open_store(
            state, connect=lambda path: sqlite3.connect(path, isolation_level=None, factory=Dead)
        )


def test_a_suspicion_that_proves_wrong_costs_nothing(state):
    open_store(state).close()
    (state / "trapnode.suspect").touch()
    open_store(state).close()
    assert not (state / "trapnode.suspect").exists()
    assert not (state / "quarantine").exists()


def test_a_process_whose_database_was_replaced_ends_and_opens_the_new_one(state):
    store, other = open_store(state), open_store(state)
    (state / DATABASE).rename(state / "away.db")
    open_store(state).close()
    with pytest.raises(StoreError, match="begun anew"):
        store.sequences.next_unsorted()
    with pytest.raises(StoreError, match="begun anew"), other.database.transaction():
        pass
    store.close()
    other.close()


def test_a_newer_schema_is_left_alone(state):
    store = open_store(state)
    store.database.rows("PRAGMA user_version = 7")
    store.close()
    with pytest.raises(StoreError, match="schema 7, but this trapnode knows up to 3"):
        open_store(state)
    assert not (state / "quarantine").exists()


def test_a_store_that_cannot_be_made_says_where(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file/state: cannot be made"):
        open_store(tmp_path / "file" / "state")


def test_a_database_that_is_busy_is_no_broken_one(state, monkeypatch):
    monkeypatch.setattr("trapnode.store.database.BUSY_S", 0.05)
    (state / "archive").mkdir()
    holder = sqlite3.connect(state / DATABASE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match=r"does not open: .*locked"):
        open_store(state)
    holder.close()
    open_store(state).close()
    assert not (state / "quarantine").exists()


def count(store: Store, *statements: str) -> None:
    with store.database.transaction():
        for statement in statements:
            store.database.run(statement)


def test_a_transaction_is_durable_as_one_or_not_at_all(store: Store):
    with pytest.raises(StoreError, match="no such table"):
        count(store, "INSERT INTO counter VALUES ('x', 1)", "DELETE FROM nobody")
    assert store.database.rows("SELECT * FROM counter") == []
    with pytest.raises(StoreError, match="no such table"):
        store.database.rows("SELECT * FROM nobody")
    count(store, "INSERT INTO counter VALUES ('x', 1)")
    assert store.database.rows("SELECT * FROM counter") == [("x", 1)]


def test_a_commit_that_fails_leaves_nothing_behind(state):
    class Failing(sqlite3.Connection):
        def execute(self, sql, *rest):
            if sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *rest)

    def failing(path):
        return sqlite3.connect(path, isolation_level=None, factory=Failing)

    store = open_store(state, connect=failing)
    with pytest.raises(StoreError, match="disk I/O error"):
        count(store, "INSERT INTO counter VALUES ('x', 1)")
    assert store.database.rows("SELECT * FROM counter") == []
    store.close()


def test_a_boot_has_one_row_whoever_comes_first(state):
    one, two = open_store(state), open_store(state)
    assert boot(one, "kernel") == boot(two, "kernel")
    assert boot(one, "next").id == 2
    one.close()
    two.close()


def test_a_full_card_ends_a_transaction_with_a_store_error(store: Store):
    pages = store.database.row("PRAGMA page_count")
    assert pages is not None
    store.database.rows(f"PRAGMA max_page_count = {pages[0]}")
    fill = [f"INSERT INTO counter VALUES ('{number:0100d}', 1)" for number in range(1000)]
    with pytest.raises(StoreError, match="full"):
        count(store, *fill)
    store.database.rows("PRAGMA max_page_count = 100000")
    assert boot(store).id == 1


def test_a_store_of_the_first_schema_is_brought_to_this_one_with_all_its_rows(state, run, clock):
    store = open_store(state)
    take(store, run, clock)
    with store.database.transaction():
        store.database.run("DROP INDEX frame_leaving")
        store.database.run("DROP TABLE forgotten")
        store.database.run("DROP TABLE health")
        for table in ("radio_day", "suppressed", "downlink", "setting", "clock_change"):
            store.database.run(f"DROP TABLE {table}")
        store.database.run("DROP TABLE radio_preview")
        store.database.run("DROP TABLE preview_wish")
        store.database.run("ALTER TABLE message DROP COLUMN offers")
        store.database.run("ALTER TABLE frame DROP COLUMN mark")
        store.database.run("ALTER TABLE frame DROP COLUMN preview_mark")
        store.database.run("PRAGMA user_version = 1")
    store.close()
    store = open_store(state)
    assert len(list(store.sequences.all())) == 1
    assert store.eviction.free(1 << 40) > 0
    assert store.database.row("PRAGMA user_version") == (3,)
    store.close()


def test_a_database_never_takes_the_name_of_one_that_stays_in_quarantine(state):
    for number in range(3):
        (state / DATABASE).write_bytes(b"broken %d" % number * 999)
        open_store(state).close()
        (state / DATABASE).unlink()
    (state / "quarantine" / f"000.{DATABASE}").unlink()  # The oldest has made room.
    (state / DATABASE).write_bytes(b"broken again" * 999)
    open_store(state).close()
    assert file_names(state / "quarantine") == [f"00{n}.{DATABASE}" for n in (1, 2, 3)]
