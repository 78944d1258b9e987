"""A serial cable between a unit and a modem's pseudo-terminal, which may garble and hang up."""

import os
import random
import select
import threading
import tty
from contextlib import suppress
from pathlib import Path


class Cable:
    """A pseudo-terminal at `link`, joined to the one at `far`; each byte may be hurt.

    With `hangup_after` the near end vanishes after so many bytes, once, and comes back under
    the same name after `hangup_for` seconds.
    """

    def __init__(
        self,
        link: Path,
        far: Path,
        seed=0,
        drop=0.0,
        dup=0.0,
        flip=0.0,
        hangup_after=None,
        hangup_for=0.2,
    ) -> None:
        self._link, self._rng = link, random.Random(seed)
        self._shares = drop, dup, flip
        self._hangup_after, self._hangup_for = hangup_after, hangup_for
        self._far = os.open(far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._readable, self._writable = os.pipe()
        self.carried = self.hurt = self.hangups = 0
        self._plug()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Cable":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._writable, b"!")
        self._thread.join(5)
        for each in (self._far, self._readable, self._writable, self._near, self._slave):
            os.close(each)

    def _plug(self) -> None:
        self._near, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._near, False)
        part = self._link.with_name(self._link.name + ".part")
        part.symlink_to(os.ttyname(self._slave))
        part.replace(self._link)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._near, self._far, self._readable], [], [])
            if self._readable in ready:
                return
            for each in ready:
                other = self._far if each == self._near else self._near
                with suppress(OSError):  # Nobody has the other end open: a line loses it, too.
                    os.write(other, self._carry(os.read(each, 64)))
            if self._hangup_after is not None and self.carried >= self._hangup_after:
                self._hang_up()

    def _hang_up(self) -> None:
        self._hangup_after = None
        self.hangups += 1
        os.close(self._near)
        os.close(self._slave)
        select.select([self._readable], [], [], self._hangup_for)
        self._plug()

    def _carry(self, data: bytes) -> bytes:
        self.carried += len(data)
        return b"".join(self._hurt(byte) for byte in data)

    def _hurt(self, byte: int) -> bytes:
        drop, dup, flip = self._shares
        drawn = self._rng.random()
        self.hurt += drawn < drop + dup + flip
        if drawn < drop:
            return b""
        if drawn < drop + dup:
            return bytes([byte, byte])
        return bytes([byte ^ (1 << self._rng.randrange(8) if drawn < drop + dup + flip else 0)])
