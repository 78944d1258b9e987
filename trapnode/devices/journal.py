"""What the unit's processes said last, out of systemd's journal."""

from collections.abc import Sequence

__all__ = ["last_lines"]

COMMAND = (
    *("journalctl", "--quiet", "--no-pager", "--utc", "--output=short-iso", "--no-hostname"),
    *("--unit=trapnode-*.service", "--boot"),
)
WITHIN_S = 5.0


def last_lines(number: int = 20, command: Sequence[str] = COMMAND) -> list[str]:
    """Give the last lines, the newest last; none where there is no journal that we may read."""
    import subprocess  # Only while somebody asks.

    try:
        done = subprocess.run(
            [*command, f"--lines={number}"], capture_output=True, timeout=WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").splitlines()[-number:]
