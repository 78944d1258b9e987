"""Builds what the console knows of its unit, for the console and for `trapnode selftest`."""

import os
from pathlib import Path

from trapnode.cli.process import Process
from trapnode.console import Unit
from trapnode.devices.journal import last_lines
from trapnode.policy.session import Lock
from trapnode.store import fieldnotes, remarks
from trapnode.texts import speak

__all__ = ["unit_of"]


def unit_of(own: Process) -> Unit:
    """Give the unit as this process sees it."""
    config = own.config
    # Once: a status must not wait for a card.
    note = fieldnotes.last(Path(config.paths.state), fieldnotes.DEPLOY, fieldnotes.COLLECT)
    if note is not None:
        remarks.note_deployed(own.run, note.kind, note.at, note.by)
    return Unit(
        name=config.unit.name,
        run=own.run,
        opened=own.store,
        clock=own.clock,
        texts=speak(config.console.language),
        lock=Lock(bytes.fromhex(config.console.key), os.urandom),
        utc_offset_min=config.unit.utc_offset_min,
        state=Path(config.paths.state),
        gauge=bool(config.keeper.battery) or own.world is not None,
        modem=config.modem.kind,
        journal=last_lines,
    )
