"""A lens that shows nothing: a technician must hear of it, and no picture is lost by it."""

from collections.abc import Sequence

from trapnode.model import Decision, Judgement, Unjudged, Verdict, taxon_of
from trapnode.policy.report import QUIET

__all__ = ["LAST", "covered", "hidden", "lens_fault"]

COVERED = "lens covered or dark"
LAST = 10  # Sequences looked back on.
LEAST = 3  # Of these must be covered: one hand before the lens is no fault.


def covered(judgements: Sequence[Judgement]) -> str:
    """Give the reason of a sequence that no frame shows anything of; empty for any other."""
    hidden = [each.fault for each in judgements if each.why is Unjudged.COVERED]
    if not hidden or len(hidden) < len(judgements):
        return ""
    return f"{COVERED}: {hidden[0]} in each of {len(hidden)} frames"


def hidden(judgements: Sequence[Judgement], decision: Decision) -> str:
    """Give the reason why a decision does not count; what was seen through a blur counts.

    One frame that is a blur forbids a discard: something may have stood right before the lens.
    """
    if taxon_of(decision.label).observation_type not in QUIET:
        return ""
    blurs = [each.fault for each in judgements if each.why is Unjudged.COVERED]
    few = ""
    if blurs and decision.verdict is Verdict.DISCARD:
        few = f"blank, but {blurs[0]} in {len(blurs)} of {len(judgements)} frames"
    return covered(judgements) or few


def lens_fault(reasons: Sequence[str]) -> str:
    """Say what is wrong, by the reasons of the last sequences, newest last; empty if nothing is."""
    recent = reasons[-LAST:]
    found = sum(reason.startswith(COVERED) for reason in recent)
    if found < LEAST or not any(reason.startswith(COVERED) for reason in recent[-LEAST:]):
        return ""
    return f"{COVERED}: {found} of the last {len(recent)} sequences"
