"""A replay through the five real processes, each killed with `kill -9` again and again.

usage: python -m tests.rig.replay [KILLS_OF_EACH [SEED]]
"""

import random
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from trapnode.cli.crew import PROCESSES, Crew, await_that
from trapnode.cli.demo import folders_of, own
from trapnode.cli.narrator import received
from trapnode.cli.papers import CONFIG, ORIGIN
from trapnode.cli.reckoning import blanks_in_order, reckon
from trapnode.cli.uplink import card_key
from trapnode.config import read
from trapnode.model import FrameState, MessageState
from trapnode.sim.scene import show
from trapnode.sim.world import World
from trapnode.store.store import Store, open_store
from trapnode.store.tally import tally

RATE = 60.0
LONGEST_PAUSE_S = 0.7  # Between two kills: a burst, a verdict or a session is under way in it.
SETTLE_S = 300.0  # A message whose sessions were killed waits up to 2 h of the world: 120 s.


def replay(out: Path, kills_of_each: int, seed: int) -> str:
    """Kill each process so often while bursts are replayed; say what was found, or fail."""
    dice = random.Random(seed)
    world = World.create(out / "world", ORIGIN, RATE, f"replay-{seed}", seed)
    config = out / "config.toml"
    config.write_text(CONFIG.format(unit="RIG", out=out, modem=""), "utf-8")
    world.console.symlink_to("/dev/null")
    victims = [name for name in PROCESSES for _ in range(kills_of_each)]
    dice.shuffle(victims)
    scenes = cycle(folders_of(own()))
    store = open_store(out / "store")
    with Crew(world, config, out / "log") as crew:
        for victim in victims:
            show(world.folder, next(scenes))
            time.sleep(dice.random() * LONGEST_PAUSE_S)
            crew.kill(victim)
            crew.start(victim)
        await_that(lambda: show(world.folder, next(scenes)), "the station", crew)
        await_that(lambda: _settled(store), "all to be sorted and told", crew, SETTLE_S)
    said = _check(store, world, config)
    store.close()
    return f"{len(victims)} kills of {len(PROCESSES)} processes, {said}"


def _settled(store: Store) -> bool:
    found = tally(store)
    return bool(
        found.sequences
        and not found.unsorted
        and not found.waiting
        and not store.sequences.discarding()
    )


def _check(store: Store, world: World, config: Path) -> str:
    reckoning = reckon(store, world.gateway, card_key(read(config)))
    wrong = [each for each in reckoning.wrong if "tells faults" not in each]  # They were killed.
    wrong += blanks_in_order(store)
    counters = [message.counter for message in store.outbox.messages()]
    if len(set(counters)) != len(counters):
        wrong.append(f"a counter came twice: {counters}")
    payloads = {message.payload for message in store.outbox.messages()}
    strangers = [payload for _, payload in received(world.gateway) if payload not in payloads]
    wrong += [f"other bytes under a counter: {payload.hex()}" for payload in strangers]
    undone = [m for m in store.outbox.messages() if m.state is not MessageState.ACCEPTED]
    wrong += [f"message {message.counter} is {message.state}" for message in undone]
    sequences = list(store.sequences.all())
    frames = [frame for sequence in sequences for frame in sequence.frames]
    lost = [frame.path for frame in frames if frame.state is FrameState.LOST]
    wrong += [f"{path} is lost" for path in lost]
    assert not wrong, "\n".join(wrong)
    return (
        f"{len(sequences)} sequences of {len(frames)} frames, {reckoning.messages} messages and"
        f" {reckoning.twins} twins: nothing lost, no counter twice"
    )


def main(arguments: list[str]) -> int:
    """Run one replay in a fresh folder."""
    defaults = ["200", "1"]
    kills_of_each, seed = (int(each) for each in [*arguments, *defaults[len(arguments) :]])
    with tempfile.TemporaryDirectory(prefix="replay") as folder:
        print(replay(Path(folder), kills_of_each, seed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
