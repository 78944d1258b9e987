"""Builds what the uplinker needs: this card's radio key, the modem, who obeys; tells the key."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.cli.process import Process
from trapnode.cli.radio import budget_of, report_hour_of
from trapnode.config import Config
from trapnode.downlinking import Commands, SetClock
from trapnode.errors import DeviceError, UsageError
from trapnode.message.sealing import CardKey, open_downlink, seal, seal_card_failed
from trapnode.model import MessageKind
from trapnode.store.disk import RealDisk
from trapnode.store.outbox import Seal
from trapnode.store.owner import as_owner
from trapnode.store.radio_key import NoRadioKey, make_radio_key, read_radio_key
from trapnode.store.riders import Plan
from trapnode.store.store import SPARE, Store
from trapnode.uplinker import Uplinker

if TYPE_CHECKING:
    import argparse

__all__ = ["card_key", "keys_radio", "opener", "sealer", "uplinker_of"]

TWINS_AGREE = timedelta(hours=1)  # Theirs runs on while a port is read.


def uplinker_of(own: Process, store: Store, config: Config) -> Uplinker:
    """Make the uplinker over a store; the one in RAM obeys nothing. Raise StoreError."""
    in_ram = store.state == own.run / SPARE
    key, boot, uplink = card_key(config, make=not in_ram), own.boot(store), config.uplink
    plan = Plan(uplink.batch_s, report_hour_of(config), budget_of(config))
    commands = None
    if not in_ram:
        commands = Commands(store, own.run, boot, own.config, opener(key), set_clock(own))
    return Uplinker(store, own.run, boot, own.trust, plan, sealer(key), commands)


def card_key(config: Config, make: bool = True) -> CardKey:
    """Give the card's radio key: the configuration's, or its own; raise StoreError.

    Where it cannot be read, or without `make` there is none, that is NoRadioKey.
    """
    if config.uplink.key:
        return CardKey(config.uplink.generation, bytes.fromhex(config.uplink.key))
    state = Path(config.paths.state)
    found = make_radio_key(state, RealDisk()) if make else read_radio_key(state)
    if found is None:
        raise NoRadioKey(f"{state}: there is no radio key, and none in the configuration")
    return CardKey(*found)


def sealer(key: CardKey) -> Seal:
    """Seal with this key; what needs no counter, with fresh random bytes."""

    def sealed(kind: MessageKind, counter: int, body: bytes) -> bytes:
        if kind is MessageKind.CARD_FAILED:
            return seal_card_failed(body, os.urandom(8), key)
        return seal(kind, counter, body, key)

    return sealed


def opener(key: CardKey) -> Callable[[bytes, int], tuple[int, bytes]]:
    """Open downlinks with this key."""
    return lambda payload, last: open_downlink(payload, key, last)


def set_clock(own: Process) -> SetClock:
    """Give what sets the machine's clock; a world of twins has one clock for all."""
    if own.world:

        def agree(at: datetime) -> str:
            if abs(at - own.clock.now()) > TWINS_AGREE:
                raise DeviceError("the clock of a world of twins cannot be set")
            return ""

        return agree
    from trapnode.devices.clock import set_time

    return set_time


def keys_radio(arguments: "argparse.Namespace") -> None:
    """Print the lines for the receiver's file of units; raise ConfigError, StoreError."""
    from trapnode.config import read

    config = read(Path(arguments.config))
    if not config.uplink.key and not Path(config.paths.state).is_dir():
        raise UsageError(f"{config.paths.state}: no store there, and no uplink.key configured")
    with as_owner(Path(config.paths.state)):
        key = card_key(config)
    name = config.modem.dev_eui if config.modem.kind == "lorawan" else "IMEI of its modem"
    print(f'[[unit]]\nname = "{config.unit.name}"\nmodem = "{name}"')
    print(f'[[unit.card]]\ngeneration = {key.generation}\nkey = "{key.key.hex()}"')
