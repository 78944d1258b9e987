"""The simulated modem of a world, with its network, on a pseudo-terminal."""

import argparse
import random
from pathlib import Path

from trapnode.loop import Stop
from trapnode.sim.pty import Twin, serve
from trapnode.sim.world import World

__all__ = ["twin_modem"]


def twin_modem(arguments: argparse.Namespace) -> None:
    """Serve the modem's twin until SIGTERM; raise UsageError."""
    world = World.enter(Path(arguments.twins))
    stop = Stop().listen()
    serve(_twin(world), world.clock(), world.modem, stop, world.gateway, world.mailbox)


def _twin(world: World) -> Twin:
    rng = random.Random(world.seed)
    if world.radio == "lorawan":
        from trapnode.sim.air import Air
        from trapnode.sim.rui3 import Rui3Twin

        return Rui3Twin(Air(rng, utc_at_zero=world.origin))
    from trapnode.sim.gateway import Gateway
    from trapnode.sim.modem import SbdTwin

    return SbdTwin(Gateway(rng, utc_at_zero=world.origin), rng=rng)
