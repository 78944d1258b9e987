"""What the edges of a PIR say about its wire and its place."""

from dataclasses import dataclass

__all__ = ["FALSE_OF", "PirCount", "is_noisy", "pir_faults"]

SPIKES_LEAST, SPIKES_SHARE = 20, 0.5
MASKED_LEAST, MASKED_SHARE = 20, 0.5
FALSE_OF, FALSE_MOST = 100, 98  # Of the last triggers; two in a hundred are what we are here for.


@dataclass(frozen=True, slots=True)
class PirCount:
    """The PIR's edges of this boot."""

    edges: int = 0
    masked: int = 0  # While our own radio transmitted, and gone at once: no trigger.
    held: int = 0  # While it transmitted, but not seen to be over at once: a trigger like any.
    spikes: int = 0  # Shorter than any PIR's pulse: a trigger, until half of the edges are,
    noise: int = 0  # and then none, where they were seen to be over at once.


def is_noisy(count: PirCount) -> bool:
    """Say whether the wire is so noisy that an edge must last to be believed."""
    return count.spikes >= SPIKES_LEAST and count.spikes >= SPIKES_SHARE * count.edges


def pir_faults(count: PirCount, blank: int, judged: int) -> list[str]:
    """Say what a technician should look at: the wire, or what the PIR looks at.

    `blank` of the last `judged` (FALSE_OF at most) sequences showed nothing.
    """
    faults = []
    if is_noisy(count):
        faults.append(f"PIR: {count.spikes} of {count.edges} edges are spikes: noise on its wire")
    if count.masked >= MASKED_LEAST and count.masked >= MASKED_SHARE * count.edges:
        faults.append(
            f"PIR: {count.masked} of {count.edges} edges are our own radio's: move its wire"
        )
    if judged >= FALSE_OF and blank >= FALSE_MOST:
        faults.append(f"PIR: {blank} of the last {judged} triggers showed nothing: sun, grass?")
    return faults
