"""What every process of the unit begins with: configuration, clock, store, sign of life.

Once one of them finds that the card takes no more writes, all of them go on with a store in RAM:
those that have the card's store open end, and systemd starts them anew.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trapnode.cli.glance import forget_glance, glance_of, leave_glance
from trapnode.cli.options import Options
from trapnode.config import AtBoot, Config, read_at_boot
from trapnode.devices.clock import SystemClock, boot_id
from trapnode.devices.notify import Notifier
from trapnode.devices.power import LinuxPower
from trapnode.errors import CardFailed, CardFull, ConfigError, SettingsChanged, StoreError
from trapnode.loop import Alive, Clock, Stop
from trapnode.model import Boot, ClockTrust
from trapnode.policy.retention import Allowance
from trapnode.sim.world import World
from trapnode.store import ram
from trapnode.store.consent import read_wake
from trapnode.store.copies import leaves_ram
from trapnode.store.disk import write_whole
from trapnode.store.entries import begin_boot
from trapnode.store.owner import as_owner
from trapnode.store.refusal import cause_of
from trapnode.store.seals import Sealing, read_seals
from trapnode.store.store import LAST_GOOD, SPARE, Store, open_store

__all__ = ["Process", "keep_last_good", "last_good", "process"]

log = logging.getLogger(__name__)

CONCERNED = {  # By which sections of the configuration.
    "station": ("trigger.", "burst."),
    "sorter": ("sorter.", "uplink."),
    "uplinker": ("uplink.", "keeper."),
    "keeper": ("keeper.", "uplink.", "power."),
}


@dataclass(frozen=True, slots=True)
class Process:
    """What every process of the unit has."""

    config: Config
    config_fault: str
    world: World | None
    clock: Clock
    trust: Callable[[], ClockTrust]
    run: Path
    stop: Stop
    alive: Alive
    opened: list[Store]  # The store of this process, once it is open.
    settings: dict[str, int]  # What commands changed of the configuration, once that was read.

    def store(self, sealing: Callable[[], Sealing | None] = lambda: None) -> Store:
        """Open the store, or the one in RAM once the card has failed; raise StoreError."""
        if ram.card_failed(self.run) is None:
            try:
                self.opened[:] = [self._on_card(sealing())]
            except (CardFailed, CardFull) as error:  # Nothing can go from a store not open.
                return self.spare(error)
        else:
            self.opened[:] = [self._in_ram()]
        return self.opened[0]

    def adopted(self, store: Store) -> Store:
        """Go on with the card's store as the first frame opened it."""
        store.allowance = _allowance(self.config)
        self.opened[:] = [store]
        return store

    def spare(self, why: StoreError) -> Store:
        """Open the store in RAM, and tell the others that the card failed; raise StoreError."""
        ram.fail_card(self.run, _failure(why, self.clock))
        self.opened[:] = [self._in_ram()]
        return self.opened[0]

    def settled(self, store: Store) -> AtBoot:
        """Give the configuration with what commands changed of it, and what is wrong with both.

        Settings that no longer go with the configuration are left out, all of them.
        """
        from trapnode.store.settings import in_force

        in_ram = store.state == self.run / SPARE
        found = (ram.read_settings(self.run) or {}) if in_ram else store.settings.values()
        self.settings.update(found)
        try:
            return AtBoot(in_force(self.config, found), self.config_fault)
        except ConfigError as error:
            log.error("%s", fault := f"settings by command are left out: {error}")
            return AtBoot(self.config, "; ".join(filter(None, (self.config_fault, fault))))

    def boot(self, store: Store) -> Boot:
        """Give the row of this boot."""
        world = self.world
        return begin_boot(
            store.database,
            world.boot_id if world else boot_id(),
            self.clock.now(),
            read_wake(self.run) or (world or LinuxPower()).wake_reason(),
            self.trust(),
        )

    def _in_ram(self) -> Store:
        """Open the store in RAM, where pictures lie open: never where RAM may reach the card."""
        from trapnode.store.spare import open_spare

        sealed = self.config.sealing.recipients or read_seals(Path(self.config.paths.state))
        if sealed and (leak := leaves_ram(self.run)):
            raise StoreError(f"the card failed, and sealed pictures have no RAM: {leak}")
        return open_spare(self.run)

    def _on_card(self, sealing: Sealing | None) -> Store:
        state, allowance = Path(self.config.paths.state), _allowance(self.config)
        return open_store(state, sealing=sealing, allowance=allowance)


def _allowance(config: Config) -> Allowance:
    return Allowance(config.card.reserve_mib, config.card.ahead_mib, config.card.audit_most)


def last_good(twins: str | None = None) -> Path:
    """Give the place of the last good configuration: fixed, for a broken one names no folder."""
    folder = twins or os.environ.get("STATE_DIRECTORY") or Config().paths.state
    return Path(folder) / LAST_GOOD


@contextlib.contextmanager
def process(name: str, options: Options) -> Iterator[Process]:
    """Begin a process: logging, order to stop, configuration, clock, store, sign of life."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    stop = Stop().listen()
    at_boot = read_at_boot(Path(options.config), last_good(options.twins))
    if at_boot.fault:
        log.error("%s", at_boot.fault)
    config = at_boot.config
    world = World.enter(Path(options.twins)) if options.twins else None
    clock = world.clock() if world else SystemClock()
    run = Path(config.paths.run)
    with contextlib.suppress(OSError):  # Without it there are no doorbells and no heartbeats.
        run.mkdir(parents=True, exist_ok=True)
    notifier = Notifier.from_environment()
    ready = False
    opened: list[Store] = []
    settings: dict[str, int] = {}

    def alive(fault: str) -> None:
        nonlocal ready
        if not ready:
            notifier.ready()
            ready = True
        notifier.alive()
        ram.beat(run, name, clock.monotonic(), fault, sum(each.syncs for each in opened))
        on_card = any(each.state != run / SPARE for each in opened)
        if on_card and name != "console" and (failed := ram.card_failed(run)):
            raise CardFailed(f"beginning again with the store in RAM: {failed.why}")
        if on_card and name in CONCERNED and _others(name, settings, ram.read_settings(run)):
            raise SettingsChanged("beginning again with what a command set")

    try:
        fault, trust = at_boot.fault, clock.trust
        with as_owner(Path(config.paths.state)):
            yield Process(config, fault, world, clock, trust, run, stop, alive, opened, settings)
    except (CardFailed, CardFull) as error:
        # The sorter may wait for the keeper to make room; a picture may not.
        if name == "station" or isinstance(error, CardFailed):
            ram.fail_card(run, _failure(error, clock))
        raise
    notifier.stopping()


def _others(name: str, mine: dict[str, int], now: dict[str, int] | None) -> bool:
    """Say whether other settings hold than those this process began with."""
    if now is None or now == mine:
        return False
    changed = {each for each in mine.keys() | now.keys() if mine.get(each) != now.get(each)}
    return any(each.startswith(CONCERNED[name]) for each in changed)


def _failure(error: StoreError, clock: Clock) -> ram.Failure:
    return ram.Failure(cause_of(error), str(error), clock.monotonic())


def keep_last_good(options: Options, store: Store, config: Config) -> None:
    """Remember the configuration that this start was good with, and what a first frame needs."""
    target = last_good(options.twins)
    with contextlib.suppress(OSError):
        text = Path(options.config).read_bytes()
        if not target.exists() or target.read_bytes() != text:
            write_whole(store.disk, target, text)
        if glance := glance_of(text.decode(), config):
            leave_glance(store.disk, target.parent, glance)
        else:
            forget_glance(store.disk, target.parent)
