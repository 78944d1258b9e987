"""The rows that taking pictures writes: of the boot, of a sequence and its frames."""

from datetime import datetime

from trapnode.capture import Boot, Frame, Trigger
from trapnode.store.database import Database, moment, text
from trapnode.words import ClockTrust, SequenceState, WakeReason

__all__ = ["begin_boot", "expect_boot", "insert_boot", "insert_frame", "insert_sequence"]


def begin_boot(
    database: Database,
    kernel_id: str,
    started_at: datetime,
    wake_reason: WakeReason,
    clock_trust: ClockTrust,
) -> Boot:
    """Give the row of this boot, made by whichever process comes first."""
    if not (row := _boot(database, kernel_id)):
        with database.transaction():
            database.run(
                "INSERT OR IGNORE INTO boot (kernel_id, started_at, wake_reason, clock_trust)"
                " VALUES (?, ?, ?, ?)",
                kernel_id,
                text(started_at),
                wake_reason,
                clock_trust,
            )
        row = _boot(database, kernel_id)
    assert row is not None
    return _boot_of(row)


def expect_boot(
    database: Database,
    kernel_id: str,
    started_at: datetime,
    wake_reason: WakeReason,
    clock_trust: ClockTrust,
) -> Boot:
    """Give this boot as its row is, or will be: its first sequence's transaction writes both.

    Another process may be faster, and gives the row the same number.
    """
    if row := _boot(database, kernel_id):
        return _boot_of(row)
    last = database.row("SELECT coalesce(max(id), 0) FROM boot")
    assert last is not None
    return Boot(int(str(last[0])) + 1, started_at, wake_reason, clock_trust, kernel_id)


def insert_boot(database: Database, boot: Boot) -> None:
    """Write the row of an expected boot unless it is there; inside a transaction."""
    database.run(
        "INSERT OR IGNORE INTO boot VALUES (?, ?, ?, ?, ?)",
        boot.id,
        boot.kernel_id,
        text(boot.started_at),
        boot.wake_reason,
        boot.clock_trust,
    )


def _boot_of(row: tuple[object, ...]) -> Boot:
    return Boot(int(str(row[0])), moment(row[1]), WakeReason(str(row[2])), ClockTrust(str(row[3])))


def _boot(database: Database, kernel_id: str) -> tuple[object, ...] | None:
    return database.row(
        "SELECT id, started_at, wake_reason, clock_trust FROM boot WHERE kernel_id = ?", kernel_id
    )


def insert_sequence(
    database: Database, sequence: int, stem: str, boot: int | None, trigger: Trigger
) -> None:
    """Write a sequence's row unless it is there; inside a transaction."""
    database.run(
        "INSERT OR IGNORE INTO sequence VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        sequence,
        stem,
        boot,
        text(trigger.at),
        trigger.monotonic_s,
        trigger.source,
        trigger.capture_method,
        SequenceState.OPEN,
    )


def insert_frame(database: Database, frame: Frame, sizes: tuple[int, int]) -> None:
    """Write a frame's row; inside a transaction."""
    database.run(
        "INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?)",
        frame.sequence,
        frame.number,
        frame.path,
        text(frame.captured_at),
        *sizes,
        frame.state,
        frame.mark,
        frame.preview_mark,
    )
