"""One season: a unit tells what it saw, whatever happens, until the desk has all of it."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fakes import an_observation
from tests.faults import Power, PowerCut
from tests.soak.desk import SeasonDesk
from tests.soak.link import DAY_S, SbdLink, World
from trapnode.cli.uplink import opener, sealer
from trapnode.config import Config
from trapnode.downlinking import Commands
from trapnode.errors import DeviceError
from trapnode.message import Faults, Status, pack_observation, pack_status
from trapnode.message.observations import read_observations
from trapnode.message.sealing import CardKey, open_uplink
from trapnode.model import (
    Boot,
    ClockTrust,
    MessageKind,
    MessageState,
    Observation,
    Sent,
    WakeReason,
)
from trapnode.policy.budget import Budget
from trapnode.policy.report import PRIORITY_STATUS, PRIORITY_TARGET, Watch, priority
from trapnode.policy.retry import HOLD_LONGEST
from trapnode.store.entries import begin_boot
from trapnode.store.riders import Plan
from trapnode.store.settings import in_force
from trapnode.store.store import Store
from trapnode.uplinker import Uplinker

LABELS = ("leopard", "tiger", "person", "deer", "boar", "bear", "small_carnivore", "bird")
WEIGHTS = (2, 1, 2, 10, 8, 2, 5, 5)
WATCH = Watch(("leopard",), ("leopard", "tiger", "person"), 10_000)
BATCH_S = 3600.0
OBSERVED_EVERY_S = 900.0
LONGEST_LIFE = 1_500  # Steps: a file operation, a transaction, a wait for the modem.
MOST_QUIET_S = 60 * DAY_S
PLUGGED_AGAIN_S = 600.0


@dataclass
class Found:
    """What a season came to; `wrong` is empty, or something was lost, doubled or believed."""

    sessions: int = 0
    failed: int = 0
    messages: int = 0
    bytes: int = 0
    credits: int = 0
    observations: int = 0
    cuts: int = 0
    hangups: int = 0
    forged: int = 0
    webhooks: int = 0
    downlinks: int = 0
    refused: int = 0
    days: float = 0.0
    fates: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Season:
    """A unit, its card, its link and its desk, under one seed."""

    def __init__(
        self, folder: Path, seed: int, link: Callable[..., Any] = SbdLink, cards: int = 2
    ) -> None:
        self.dice = random.Random(seed)
        self.world = World()
        self.link = link(self.world, self.dice, lambda *args: self.desk.hand_over(*args))
        self.desk = SeasonDesk(folder, self.world, self.link.name, random.Random(seed + 1))
        self.found = Found()
        self._folder, self._cards = folder, cards
        self._truth: dict[tuple[int, int], Observation] = {}
        self._insert_card()

    def run(self, sessions: int) -> Found:
        """Live until the radio was used so often, then under a good sky until all is through."""
        share = sessions // self._cards
        for card in range(self._cards):
            if card:
                self._insert_card()
            before = self.found.sessions
            while self.found.sessions - before < share:
                self._live(bad=True)
            self._settle()
        self._check()
        return self.found

    def _insert_card(self) -> None:
        """Put in a fresh card, with a key and a generation of its own."""
        number = len(self.desk.keys) + 1
        self.state = self._folder / f"card{number}"
        self.state.mkdir()
        self.key = CardKey(number, self.dice.randbytes(16))
        self.desk.keys.append(self.key)
        self._boots = self._told = 0
        self._next_seen_s = self.world.now_s
        self._doubtful: Observation | None = None  # Power went while it was put in.

    def _settle(self) -> None:
        """Let the sky be good until the unit has nothing left to tell and nothing is on its way."""
        ends_s = self.world.now_s + MOST_QUIET_S
        while not (self._live(bad=False) and self.desk.is_quiet()):
            if self.world.now_s > ends_s:
                self.found.wrong.append(f"not all is told after {MOST_QUIET_S / DAY_S:.0f} days")
                return

    def _live(self, bad: bool) -> bool:
        """Live until the power goes, or for some hours; say whether nothing is left to tell."""
        cut = self.dice.randint(1, LONGEST_LIFE) if bad else None
        power = Power(cut, self.dice.randrange(1000))
        self.world.power = power
        self._boots += 1
        try:
            return self._unit(power.open(self.state), bad)
        except PowerCut:
            self.found.cuts += 1
            self.link.power_cut()
            self._pass(self.dice.random() * 600)
            return False
        finally:
            self.world.power = None
            power.end()

    def _unit(self, store: Store, bad: bool) -> bool:
        boot = begin_boot(
            store.database,
            f"{self.state.name}-{self._boots}",
            self.world.now(),
            WakeReason.PIR,
            ClockTrust.RTC,
        )
        self._settle_doubt(store)
        hours_s = self.world.now_s + (12 * 3600 if bad else 3 * DAY_S)
        while self.world.now_s < hours_s:
            self.link.worsen(bad)
            uplinker = self._uplinker(store, boot)
            modem = _Spy(self.link.driver(), self, store)
            try:
                uplinker.begin(self.world)
                self._rounds(store, uplinker, modem, bad)
            except DeviceError:  # systemd starts the process again.
                self.found.hangups += 1
                self._pass(PLUGGED_AGAIN_S)
        return self._all_told(store)

    def _rounds(self, store: Store, uplinker: Uplinker, modem: "_Spy", bad: bool) -> None:
        """Be the station, the sorter and the keeper, and let the uplinker send."""
        for _ in range(self.dice.randint(1, 20)):
            if bad:
                self._see(store)
            self._keep(store)
            while uplinker.send_next(modem, self.world):
                pass
            self.desk.look(self.link.queue_downlink)
            if bad and self.dice.random() < 0.05:
                self.desk.command(self._told)
            if bad and self.dice.random() < 0.1:
                self.desk.forge()
            if bad and self.dice.random() < 0.05:
                self.link.queue_downlink(self._forged_downlink())
            self._pass(60.0 if bad else 3600.0)

    def _see(self, store: Store) -> None:
        """Put into the outbox what the sorter saw meanwhile."""
        while self._next_seen_s <= self.world.now_s:
            self._next_seen_s += self.dice.expovariate(1 / OBSERVED_EVERY_S)
            label = self.dice.choices(LABELS, WEIGHTS)[0]
            seen = an_observation(self._told + 1, label, observed_at=self.world.now())
            self._doubtful = seen
            with store.database.transaction():
                body, worth = pack_observation(seen), priority(seen, WATCH)
                store.outbox.tell(MessageKind.OBSERVATIONS, body, worth, self.world.now())
                if label == "leopard" and self.dice.random() < 0.3:
                    store.previews.keep(seen.id, self.dice.randbytes(self.dice.randint(200, 1500)))
            self._saw(seen)

    def _saw(self, seen: Observation) -> None:
        self._doubtful = None
        self._told += 1
        self._truth[self.key.generation, seen.id] = seen

    def _settle_doubt(self, store: Store) -> None:
        """Only what was committed was seen: a sorter that lost power sorts anew."""
        if (seen := self._doubtful) is not None:
            body = pack_observation(seen)
            if store.database.row("SELECT 1 FROM report WHERE body = ?", body):
                self._saw(seen)

    def _keep(self, store: Store) -> None:
        """Put in the status report, once a day or when it is asked for."""
        last = store.outbox.last_status()
        if store.outbox.status_wanted() or not last or self.world.now() - last > timedelta(days=1):
            status = Status(
                at=self.world.now(), battery_mv=12_000, temperature_c=-20, card_free_mib=1000,
                boots=self._boots, sequences=self._told, discarded=0, targets=0, unsorted=0,
                unclassified=0, waiting=0, wake_reason=WakeReason.PIR,
                clock_trust=ClockTrust.RTC, faults=Faults(0),
            )  # fmt: skip
            with store.database.transaction():
                now = self.world.now()
                store.outbox.tell(MessageKind.STATUS, pack_status(status), PRIORITY_STATUS, now)

    def _uplinker(self, store: Store, boot: Boot) -> Uplinker:
        base = Config()
        config, key = in_force(base, store.settings.values()), self.key
        budget = Budget(config.uplink.credits_day * 20, config.uplink.credits_month * 100)
        plan = Plan(BATCH_S, config.keeper.status_hour, budget)
        run = self._folder / "run"
        run.mkdir(exist_ok=True)
        commands = Commands(store, run, boot, base, opener(key), lambda at: None)
        return Uplinker(store, run, boot, self.world.trust, plan, sealer(key), commands)

    def _forged_downlink(self) -> bytes:
        """Give a downlink that nobody sealed, or one that came before."""
        old = self.desk.database.rows("SELECT payload FROM downlink")
        if old and self.dice.random() < 0.6:
            payload = bytearray(self.dice.choice(old)[0])  # type: ignore[call-overload]
            if self.dice.random() < 0.5:
                payload[self.dice.randrange(len(payload))] ^= 1 << self.dice.randrange(8)
            return bytes(payload)
        return self.dice.randbytes(self.dice.randint(1, 50))

    def _pass(self, seconds: float) -> None:
        self.world.now_s += seconds

    def _all_told(self, store: Store) -> bool:
        """Say whether nothing is left to tell, or to hear of."""
        counts = store.outbox.counts()
        on_air = store.database.row(
            "SELECT 1 FROM message WHERE state = ? AND kind = ?",
            *(MessageState.ON_AIR, MessageKind.OBSERVATIONS),
        )
        return not (counts["waiting"] or counts["queued"] or counts["attempted"] or on_air)

    def _check(self) -> None:
        """Hold what the desk knows against what was seen."""
        found, desk = self.found, self.desk
        found.observations, found.days = len(self._truth), self.world.now_s / DAY_S
        found.forged, found.webhooks, found.fates = (
            desk.forged,
            desk.webhooks,
            Counter(desk.fates()),
        )
        rows = desk.database.rows("SELECT generation, id, observed_at, label FROM observation")
        told = Counter((int(str(row[0])), int(str(row[1]))) for row in rows)
        found.wrong += [f"{each} never arrived" for each in self._truth.keys() - told.keys()]
        found.wrong += [f"{each} was never seen" for each in told.keys() - self._truth.keys()]
        found.wrong += [
            f"{each} counts {number} times" for each, number in told.items() if number > 1
        ]
        for row in rows:
            seen = self._truth.get((int(str(row[0])), int(str(row[1]))))
            if seen is not None and seen.label != row[3]:
                found.wrong.append(f"{row[:2]} is told as {row[3]}, and was {seen.label}")
        if found.fates["restored"]:
            found.wrong.append(f"{found.fates['restored']} messages under a counter used before")
        for number in range(1, self._cards + 1):
            self._check_card(self._folder / f"card{number}", number)

    def _check_card(self, state: Path, generation: int) -> None:
        power = Power()
        store = power.open(state)
        found = self.found
        for _, failed, messages, size, credits in store.database.rows(
            "SELECT sessions, failed, messages, bytes, credits FROM radio_day"
        ):
            found.failed += int(str(failed))
            found.messages += int(str(messages))
            found.bytes += int(str(size))
            found.credits += int(str(credits))
        parked = [each for each in store.outbox.messages() if each.state is MessageState.PARKED]
        found.wrong += [f"message {each.counter} is parked" for each in parked]
        obeyed = {int(str(row[0])) for row in store.database.rows("SELECT counter FROM downlink")}
        sealed = self.desk.database.rows(
            "SELECT counter FROM downlink WHERE generation = ?", generation
        )
        strangers = obeyed - {int(str(row[0])) for row in sealed}
        found.wrong += [f"downlink {each} was obeyed, and nobody sealed it" for each in strangers]
        found.downlinks += len(obeyed)
        found.refused += sum(store.radio.refused().values())
        power.end()


class _Spy:
    """A modem that looks at each message before it goes: nothing may go before a target."""

    def __init__(self, modem: Any, season: Season, store: Store) -> None:
        self._modem, self._season, self._store = modem, season, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._modem, name)

    def send(self, payload: bytes) -> Sent:
        season = self._season
        season.found.sessions += 1
        opened = open_uplink(payload, season.key, self._newest())
        if opened.kind is not MessageKind.OBSERVATIONS or not _tells_a_target(opened.body):
            season.found.wrong += [f"{opened.kind} went before {each}" for each in self._targets()]
        sent: Sent = self._modem.send(payload)
        return sent

    def _newest(self) -> int:
        row = self._store.database.row("SELECT coalesce(max(counter), 0) FROM message")
        assert row is not None
        return int(str(row[0]))

    def _targets(self) -> list[str]:
        """Name the targets that wait, and could go now."""
        now = self._season.world.now()
        waiting = [
            f"report {each.id}" for each in self._store.outbox.waiting() if not each.priority
        ]
        frozen = [
            f"message {message.counter}"
            for message, _ in self._store.outbox.undone()
            if message.priority == PRIORITY_TARGET
            and not timedelta(0) < message.not_before - now <= HOLD_LONGEST
        ]
        return waiting + frozen


def _tells_a_target(body: bytes) -> bool:
    return any(each.target for each in read_observations(body))
