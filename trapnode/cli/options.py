"""How a process of the unit is started, without the parser of all commands.

That parser is 1 MiB in each of five processes for as long as they run, and 25 ms at their start.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trapnode.cli.first import First

__all__ = ["CONFIG", "Options", "plain"]

CONFIG = "/etc/trapnode/config.toml"


class Options(NamedTuple):
    """What a process of the unit is told; `first` is what its station took before all else."""

    config: str = CONFIG
    twins: str | None = None
    once: bool = False
    first: "First | None" = None


def plain(told: list[str]) -> Options | None:
    """Read `--config FILE` and `--twins DIR`; None: something else, for the parser to judge."""
    given = dict(zip(told[::2], told[1::2], strict=False))
    if len(told) != 2 * len(given) or given.keys() - {"--config", "--twins"}:
        return None
    return Options(given.get("--config", CONFIG), given.get("--twins"))
