"""What a process tells systemd: sd_notify(3) datagrams. Outside systemd nobody listens."""

import os
import socket
from collections.abc import Mapping

__all__ = ["Notifier"]


class Notifier:
    """The way to systemd; a datagram that does not arrive is lost, and never an error."""

    def __init__(self, address: str) -> None:
        # "@..." is an abstract socket, whose first byte is NUL.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Notifier":
        """Take the address that systemd gives a service, if it did."""
        return cls(environment.get("NOTIFY_SOCKET", ""))

    def ready(self) -> None:
        """Say that the start is over."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._tell("STATUS=" + " ".join(text.split()))

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with socket.socket(socket.AF_UNIX, kind) as way:
            try:
                way.sendto(message.encode(), self._address)
            except OSError:
                return  # systemd restarts itself, or its queue is full: the next one tells.
