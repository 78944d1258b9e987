"""A log that loads `logging` with its first word: 8 ms that a first frame need not wait for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

__all__ = ["LateLog"]


class LateLog:
    """What a module says, by the name of the module, as `logging` takes it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, said: str, *values: object) -> None:
        """Say what a field person would write down."""
        self._logger().info(said, *values)

    def warning(self, said: str, *values: object) -> None:
        """Say what a person should look at."""
        self._logger().warning(said, *values)

    def error(self, said: str, *values: object) -> None:
        """Say what is wrong."""
        self._logger().error(said, *values)

    def _logger(self) -> "logging.Logger":
        import logging

        return logging.getLogger(self._name)
