"""The schema of the rows, and the steps from each older one to the next."""

import sqlite3
from pathlib import Path

from trapnode.errors import CardFailed

__all__ = ["VERSION", "prepared"]

VERSION = 3

RADIO = """
CREATE TABLE radio_day (                 -- what the radio did and cost on each day (UTC)
    day TEXT PRIMARY KEY,
    sessions INTEGER NOT NULL, failed INTEGER NOT NULL,
    messages INTEGER NOT NULL, bytes INTEGER NOT NULL,
    credits INTEGER NOT NULL, seconds REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE suppressed (                -- observations that a rate limit kept from being told
    label TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE downlink (                  -- commands that were authentic and new
    counter INTEGER PRIMARY KEY,
    received_at TEXT NOT NULL,
    body BLOB NOT NULL,
    outcome TEXT                         -- NULL: the power went before all was done
) STRICT;
CREATE TABLE setting (                   -- of the configuration, by command, as on the air
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL,
    before INTEGER,                      -- NULL: what the configuration says
    missed INTEGER,                      -- days without contact; NULL: no longer on trial
    due_at TEXT NOT NULL,                -- when the next day without contact is over
    downlink INTEGER NOT NULL            -- the command's counter
) STRICT, WITHOUT ROWID;
CREATE TABLE clock_change (              -- corrections of the wall clock
    id INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    monotonic_s REAL NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;
CREATE TABLE radio_preview (             -- of targets; an age file where pictures are sealed
    sequence INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;
CREATE TABLE preview_wish (              -- bytes of a preview that are to be sent
    id INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    first INTEGER NOT NULL,
    stop INTEGER NOT NULL
) STRICT;
"""

SCHEMA = f"""
CREATE TABLE boot (
    id INTEGER PRIMARY KEY,
    kernel_id TEXT NOT NULL UNIQUE,      -- /proc/sys/kernel/random/boot_id
    started_at TEXT NOT NULL,
    wake_reason TEXT NOT NULL,
    clock_trust TEXT NOT NULL
) STRICT;
CREATE TABLE sequence (
    id INTEGER PRIMARY KEY,
    stem TEXT NOT NULL UNIQUE,           -- what its file names share
    boot INTEGER REFERENCES boot(id),    -- NULL: adopted from the card
    triggered_at TEXT NOT NULL,
    monotonic_s REAL NOT NULL,
    source TEXT NOT NULL,
    capture_method TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0     -- how often the sorter has begun to judge it
) STRICT;
CREATE INDEX sequence_state ON sequence(state, id) WHERE state != 'sorted';
CREATE TABLE frame (
    sequence INTEGER NOT NULL REFERENCES sequence(id),
    number INTEGER NOT NULL,
    path TEXT NOT NULL UNIQUE,           -- relative to the archive
    captured_at TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    preview_bytes INTEGER NOT NULL,      -- 0: no preview on the card
    state TEXT NOT NULL,
    scores TEXT,                         -- JSON: label to probability; NULL: not classified
    detections TEXT,                     -- JSON: [x, y, width, height, probability], best first
    mark TEXT NOT NULL, preview_mark TEXT NOT NULL,  -- of sealed files; empty: they lie open
    PRIMARY KEY (sequence, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX frame_state ON frame(state) WHERE state = 'discarding';
CREATE INDEX frame_leaving ON frame(state) WHERE state IN ('evicting', 'fading');
CREATE TABLE observation (
    id INTEGER PRIMARY KEY REFERENCES sequence(id),
    verdict TEXT NOT NULL,
    label TEXT NOT NULL,
    probability REAL,
    event INTEGER NOT NULL,
    target INTEGER NOT NULL,
    audit INTEGER NOT NULL,
    reason TEXT NOT NULL,
    classified_by TEXT NOT NULL,
    classified_at TEXT NOT NULL,
    count INTEGER                        -- individuals; NULL: not counted
) STRICT;
CREATE INDEX observation_label ON observation(label, id);
CREATE TABLE message (
    counter INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    attempted_boot INTEGER,              -- the boot of the last attempt
    not_before TEXT NOT NULL,
    made_at TEXT NOT NULL,
    accepted_at TEXT,
    reason TEXT NOT NULL DEFAULT '',
    offers INTEGER NOT NULL DEFAULT 0    -- how often it was sent again though it had been sent
) STRICT;
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    priority INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    observation INTEGER UNIQUE REFERENCES observation(id),
    message INTEGER REFERENCES message(counter)  -- NULL: waits to be put into one
) STRICT;
CREATE INDEX report_waiting ON report(priority, id) WHERE message IS NULL;
CREATE INDEX report_message ON report(message);
CREATE TABLE forgotten (                 -- counts of the sequences whose rows went, for estimates
    label TEXT NOT NULL,
    target INTEGER NOT NULL,
    audit INTEGER NOT NULL,
    sequences INTEGER NOT NULL,
    PRIMARY KEY (label, target, audit)
) STRICT, WITHOUT ROWID;
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE health (                    -- status reports of the days gone by, told or not
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
{RADIO}"""

STEPS = {  # From this version to the next.
    1: """
ALTER TABLE frame ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE frame ADD COLUMN preview_mark TEXT NOT NULL DEFAULT '';
CREATE INDEX frame_leaving ON frame(state) WHERE state IN ('evicting', 'fading');
CREATE TABLE forgotten (
    label TEXT NOT NULL,
    target INTEGER NOT NULL,
    audit INTEGER NOT NULL,
    sequences INTEGER NOT NULL,
    PRIMARY KEY (label, target, audit)
) STRICT, WITHOUT ROWID;
""",
    2: f"""
ALTER TABLE message ADD COLUMN offers INTEGER NOT NULL DEFAULT 0;
CREATE TABLE health (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
{RADIO}""",
}


def prepared(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Bring a file to this schema; raise CardFailed for one that is newer than we: hands off."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise CardFailed(f"{path}: schema {version}, but this trapnode knows up to {VERSION}")
    if version == 0:
        connection.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
    for step in range(version or VERSION, VERSION):
        connection.executescript(f"BEGIN;{STEPS[step]}PRAGMA user_version={step + 1};COMMIT;")
    connection.execute("SELECT count(*) FROM boot").fetchone()
    return connection
