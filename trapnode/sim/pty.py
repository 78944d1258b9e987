"""A real pseudo-terminal for a modem's twin: clients open it as the serial port of a modem."""

import json
import os
import tty
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Protocol

from trapnode.sim.gateway import Delivery
from trapnode.sim.modem import SbdTwin

__all__ = ["serve"]

READ_SIZE = 4096
IDLE_S = 1.0  # How late a downlink queued by someone else may ring.


class Waitable(Protocol):
    """Anything that `select` can wait for."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
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
    twin: SbdTwin,
    clock: Clock,
    link: Path,
    stopping: Stopping,
    log: Path | None = None,
    mailbox: Path | None = None,
) -> None:
    """Serve `twin` at `link` until told to stop; clients may come and go.

    Each message that the gateway gets is one line of JSON at the end of `log`, at once. Each file
    of hex in `mailbox` is a downlink: the gateway takes it and rings.
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
    twin: SbdTwin,
    clock: Clock,
    port: FileIO,
    stopping: Stopping,
    log: Path | None,
    mailbox: Path | None,
) -> None:
    logged = len(twin.gateway.received)
    while not stopping():
        now = clock.monotonic()
        for path in sorted(mailbox.glob("*.hex")) if mailbox else ():
            twin.queue_downlink(bytes.fromhex(path.read_text("ascii")))
            path.unlink()
        sent = twin.transmit(now)
        with suppress(BlockingIOError):  # Nobody reads: a serial line loses the bytes too.
            port.write(sent)
        for delivery in twin.gateway.received[logged:]:
            logged += 1
            if log is not None:
                _append(log, twin, delivery)
        due = twin.next_due(now)
        wait_s = IDLE_S if due is None else min(max(due - now, 0), IDLE_S)
        if port in clock.wait([port, stopping], wait_s):
            twin.receive(port.read(READ_SIZE) or b"", clock.monotonic())


def _append(log: Path, twin: SbdTwin, delivery: Delivery) -> None:
    line = {
        "at": twin.gateway.utc(delivery.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "imei": twin.imei,
        "momsn": delivery.momsn,
        "hex": delivery.payload.hex(),
    }
    with log.open("a", encoding="ascii") as lines:
        lines.write(json.dumps(line) + "\n")
