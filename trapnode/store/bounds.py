"""What bounds everything that is no picture: rows, messages, quarantine.

The numbers: a unit of a large park takes 3,600 pictures, 1,200 sequences a year; one whose sensor
sticks, 300 sequences a day. A sequence's rows are about 1 KB, so the most of them are 50 MB.
Sequences whose rows go are counted, by what they were claimed to show. Only the keeper calls this.
"""

import logging

from trapnode.policy.retention import ORDER, value_of
from trapnode.store.rows import integer
from trapnode.store.store import Store

__all__ = ["trim"]

log = logging.getLogger(__name__)

MOST_SEQUENCES = 50_000
MOST_BOOTS = 20_000
MOST_MESSAGES = 2_000  # That are through; what is not is never forgotten.
MOST_WAITING = 5_000  # Reports: years of a radio that is dead.
MOST_QUARANTINED = 500  # Files,
QUARANTINE_BYTES = 256 << 20  # and their bytes.
BATCH = 100  # Of each kind in one call: the others wait for the write lock.

UNDONE = "(r.message IS NULL OR m.state IN ('queued', 'attempted'))"
BARE = f"""
    SELECT s.id, o.label, o.target, o.audit FROM sequence s JOIN observation o ON o.id = s.id
    WHERE o.target = 0 AND s.id < (SELECT max(id) FROM sequence)
      AND NOT EXISTS (SELECT 1 FROM frame f WHERE f.sequence = s.id
        AND f.state IN ('whole', 'discarding', 'evicting'))
      AND NOT EXISTS (SELECT 1 FROM report r LEFT JOIN message m ON m.counter = r.message
        WHERE r.observation = s.id AND {UNDONE})
    ORDER BY s.id"""


def trim(store: Store) -> None:
    """Bring rows and quarantine nearer to their bounds, a batch at a time. Raise StoreError."""
    _forget_sequences(store)
    _forget_messages(store)
    _forget_boots(store)
    _empty_quarantine(store)


def _over(store: Store, what: str, most: int) -> int:
    """Say how many are too many, up to a batch."""
    row = store.database.row(f"SELECT count(*) FROM {what}")
    assert row is not None
    return max(0, min(integer(row[0]) - most, BATCH))


def _forget_sequences(store: Store) -> None:
    """Forget the least valuable, oldest first, of which no full picture is left; never targets."""
    over = _over(store, "sequence", MOST_SEQUENCES)
    if not over:
        return
    bare = [
        (integer(row[0]), str(row[1]), bool(row[2]), bool(row[3]))
        for row in store.database.rows(BARE)
    ]
    bare.sort(key=lambda each: ORDER.index(value_of(*each[1:])))
    going = bare[:over]
    store.eviction.fade([each[0] for each in going])
    with store.database.transaction():
        for sequence, label, target, audit in going:
            store.database.run(
                "INSERT INTO forgotten VALUES (?, ?, ?, 1)"
                " ON CONFLICT DO UPDATE SET sequences = sequences + 1",
                label,
                target,
                audit,
            )
            for table, key in (
                ("report", "observation"),
                ("observation", "id"),
                ("frame", "sequence"),
                ("sequence", "id"),
            ):
                store.database.run(f"DELETE FROM {table} WHERE {key} = ?", sequence)
    log.warning("%d sequences are too many: %d forgotten", MOST_SEQUENCES + over, len(going))


def _forget_messages(store: Store) -> None:
    """Forget messages that are through, and reports that wait beyond all hope.

    What the receiver acknowledged goes first, then what says nothing about animals: observations
    of which nobody said a word may have to be sent again.
    """
    over = _over(store, "message WHERE state NOT IN ('queued', 'attempted')", MOST_MESSAGES)
    waiting = _over(store, "report WHERE message IS NULL", MOST_WAITING)
    if not over and not waiting:
        return
    last_status = "SELECT max(id) FROM report WHERE kind = 'status'"
    with store.database.transaction():
        going = store.database.rows(
            "SELECT counter FROM message WHERE state NOT IN ('queued', 'attempted') AND counter"
            f" NOT IN (SELECT coalesce(message, 0) FROM report WHERE id = ({last_status}))"
            " ORDER BY state IN ('acknowledged', 'void') DESC, kind = 'observations', counter"
            " LIMIT ?",
            over,
        )
        for (counter,) in going:
            store.database.run("DELETE FROM report WHERE message = ?", counter)
            store.database.run("DELETE FROM message WHERE counter = ?", counter)
        store.database.run(
            "DELETE FROM report WHERE id IN (SELECT id FROM report WHERE message IS NULL"
            f" AND id != coalesce(({last_status}), 0) ORDER BY priority DESC, id LIMIT ?)",
            waiting,
        )
    if waiting:
        log.warning("%d reports wait: the %d least are dropped", MOST_WAITING + waiting, waiting)


def _forget_boots(store: Store) -> None:
    """Forget boots that no sequence needs; the first one names the archive."""
    if over := _over(store, "boot", MOST_BOOTS):
        with store.database.transaction():
            store.database.run(
                "DELETE FROM boot WHERE id IN (SELECT id FROM boot"
                " WHERE id > (SELECT min(id) FROM boot) AND id < (SELECT max(id) FROM boot)"
                " AND id NOT IN (SELECT boot FROM sequence WHERE boot IS NOT NULL)"
                " ORDER BY id LIMIT ?)",
                over,
            )


def _empty_quarantine(store: Store) -> None:
    """Let go of the oldest files in quarantine; no row speaks of them. A person's folders stay."""
    folder = store.state / "quarantine"
    if not folder.is_dir():
        return
    found = [(path, path.lstat()) for path in folder.iterdir() if not path.is_dir()]
    found.sort(key=lambda each: (each[1].st_mtime_ns, each[0].name))
    files, size = len(found), sum(stat.st_size for _, stat in found)
    for path, stat in found:
        if files <= MOST_QUARANTINED and size <= QUARANTINE_BYTES:
            break
        store.disk.remove(path)
        files, size = files - 1, size - stat.st_size
        log.warning("quarantine is full: %s goes", path.name)
    if files < len(found):
        store.disk.sync_folder(folder)
