"""A real pseudo-terminal for a modem's twin: clients open it as the serial port of a modem."""

import json
import os
import tty
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Protocol

__all__ = ["Twin", "serve"]

READ_SIZE = 4096
IDLE_S = 1.0  # How late a downlink queued by someone else may ring.


class Waitable(Protocol):
    """Anything that `select` can wait for."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...


class Twin(Protocol):
    """A modem's twin: pure, bytes and the time in, bytes out."""

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of a client."""
        ...

    def transmit(self, now: float) -> bytes:
        """Give the bytes whose time has come."""
        ...

    def next_due(self, now: float) -> float | None:
        """Give the next moment at which something changes without new bytes; None for never."""
        ...

    def queue_downlink(self, payload: bytes) -> None:
        """Leave a message for the unit in its network; raise ValueError for what none takes."""
        ...

    def log(self, since: int) -> list[dict[str, object]]:
        """Tell, in order, what its network got after the first `since` messages."""
        ...


class Clock(Protocol):
    """Time, perhaps faster than ours, and waiting."""

    def monotonic(self) -> float:
        """Give seconds since some fixed moment."""
        ...

    def wait(self, readables: Sequence[Waitable], timeout_s: float) -> list[Waitable]:
        """Wait until one of `readables` has something to read, or the time is over."""
        ...


class Stopping(Waitable, Protocol):
    """The order to stop: true when called once it has come, and readable in `wait`."""

    def __call__(self) -> bool:
        """Say whether to end."""
        ...


def serve(
    twin: Twin,
    clock: Clock,
    link: Path,
    stopping: Stopping,
    log: Path | None = None,
    mailbox: Path | None = None,
) -> None:
    """Serve `twin` at `link` until told to stop; clients may come and go.

    Each message that its network gets is one line of JSON at the end of `log`, at once. Each
    file of hex in the folder `mailbox` (*.hex) is a downlink: the network takes it.
    """
    master, slave = os.openpty()  # Our own slave keeps the line up when a client closes its.
    tty.setraw(slave)
    os.set_blocking(master, False)
    try:
        _point(link, os.ttyname(slave))
        with FileIO(master, "r+") as port:
            _answer_all(twin, clock, port, stopping, log, mailbox)
    finally:
        link.unlink(missing_ok=True)
        os.close(slave)


def _point(link: Path, name: str) -> None:
    fresh = link.with_name(link.name + ".part")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(link)


def _answer_all(
    twin: Twin,
    clock: Clock,
    port: FileIO,
    stopping: Stopping,
    log: Path | None,
    mailbox: Path | None,
) -> None:
    logged = len(twin.log(0))
    while not stopping():
        if mailbox is not None:
            _take(mailbox, twin)
        now = clock.monotonic()
        sent = twin.transmit(now)
        with suppress(BlockingIOError):  # Nobody reads: a serial line loses the bytes too.
            port.write(sent)
        fresh = twin.log(logged)
        logged += len(fresh)
        if fresh and log is not None:
            _append(log, fresh)
        due = twin.next_due(now)
        wait_s = IDLE_S if due is None else min(max(due - now, 0), IDLE_S)
        if port in clock.wait([port, stopping], wait_s):
            twin.receive(port.read(READ_SIZE) or b"", clock.monotonic())


def _take(mailbox: Path, twin: Twin) -> None:
    for path in sorted(mailbox.glob("*.hex")):
        with suppress(OSError, ValueError):  # Not hex, or too long: no network would take it.
            twin.queue_downlink(bytes.fromhex(path.read_text("ascii")))
        path.unlink(missing_ok=True)


def _append(log: Path, fresh: Sequence[dict[str, object]]) -> None:
    with log.open("a", encoding="ascii") as lines:
        lines.write("".join(json.dumps(each) + "\n" for each in fresh))
