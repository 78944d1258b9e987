"""What a sample says of all: how many of the discarded are not what the filter took them for.

Blanks are drawn for audit by chance, so those that a person looked at are a simple random sample
without replacement of all blanks. The interval is exact for a finite population: the numbers of
misses under which a sample like this one is not too unlikely (hypergeometric distribution, equal
tails; W. G. Cochran, Sampling Techniques, 3rd ed., section 3.6). Of an endless population it is
that of Clopper and Pearson, 1934.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma

__all__ = ["Estimate", "bounds", "estimate"]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and between what it lies with CONFIDENCE."""

    likely: float
    least: float
    most: float

    def of(self, others: float) -> "Estimate":
        """Give it as its share of itself and others; 0 of nothing."""
        return Estimate(*(_share(each, others) for each in (self.likely, self.least, self.most)))


def estimate(found: int, looked: int, blanks: int) -> Estimate:
    """Estimate how many of all blanks are misses, when `found` of `looked` are.

    Raise ValueError unless 0 <= found <= looked <= blanks.
    """
    least, most = bounds(found, looked, blanks)
    return Estimate(found * blanks / looked if looked else 0.0, least, most)


def bounds(found: int, looked: int, blanks: int, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Give the least and the greatest number of misses among all blanks; raise ValueError."""
    if not 0 <= found <= looked <= blanks:
        raise ValueError(f"{found} of {looked} of {blanks}: each must be within the next")
    tail = (1 - confidence) / 2
    fewest, utmost = found, blanks - (looked - found)  # What was seen is certain.
    least = _first(fewest, utmost, lambda misses: _at_least(found, looked, misses, blanks) > tail)
    beyond = _first(
        least, utmost + 1, lambda misses: _at_most(found, looked, misses, blanks) <= tail
    )
    return least, max(least, beyond - 1)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Give the first number from which on something holds; `high` if it is not below."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _at_most(found: int, looked: int, misses: int, blanks: int) -> float:
    return sum(_chance(each, looked, misses, blanks) for each in range(found + 1))


def _at_least(found: int, looked: int, misses: int, blanks: int) -> float:
    return 1.0 - _at_most(found - 1, looked, misses, blanks)


def _chance(found: int, looked: int, misses: int, blanks: int) -> float:
    """Give how likely it is to draw so many of the misses."""
    if found > misses or looked - found > blanks - misses:
        return 0.0
    ways = _ways(misses, found) + _ways(blanks - misses, looked - found)
    return exp(ways - _ways(blanks, looked))


def _ways(among: int, drawn: int) -> float:
    """Give the logarithm of the binomial coefficient."""
    return lgamma(among + 1) - lgamma(drawn + 1) - lgamma(among - drawn + 1)


def _share(part: float, others: float) -> float:
    return part / (part + others) if part + others else 0.0
