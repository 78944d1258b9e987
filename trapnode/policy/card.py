"""What becomes of a card that takes no more writes: one reboot, then a life in RAM."""

__all__ = ["reboot_helps"]

LATE_S = 3600.0


def reboot_helps(failed_at_s: float, unsorted: int, unclassified: int, targets: int) -> bool:
    """Say whether the machine shall reboot, to have the card checked and mounted anew.

    `failed_at_s` counts from boot: a card that failed within the hour after one is not helped by
    another. Never while RAM holds a target, or what may be one: power takes it.
    """
    return failed_at_s >= LATE_S and not (unsorted or unclassified or targets)
