"""Headless Chromium by its DevTools protocol over two pipes: nothing to install but the browser."""

import base64
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars"
    " --disable-component-update --disable-sync --no-first-run --remote-debugging-pipe"
)


class Tab:
    """One page of the browser."""

    def __init__(self, read: int, write: int) -> None:
        self._read = os.fdopen(read, "rb")
        self._write = os.fdopen(write, "wb", buffering=0)
        self._sent = 0
        self._rest = b""
        self._session: dict[str, str] = {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        found = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": found["sessionId"]}
        self.ask("Page.enable")

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Give an order; give what came of it. Raise AssertionError where the browser refuses."""
        self._sent += 1
        order = {"id": self._sent, "method": method, "params": params, **self._session}
        self._write.write(json.dumps(order).encode() + b"\0")
        while (heard := self._hear()).get("id") != self._sent:
            pass
        assert "error" not in heard, (method, heard)
        result: dict[str, Any] = heard["result"]
        return result

    def open(self, page: Path, width: int, height: int) -> None:
        """Show a file in a window of this size, and wait until all of it is there."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.ask("Page.navigate", url=page.as_uri())
        while self._hear().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """Run a script in the page; give its value, or that of its promise."""
        found = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, target: Path) -> None:
        """Keep what is seen now."""
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def pdf(self) -> bytes:
        """Print the page."""
        return base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._read.fileno(), 1 << 16)
            assert piece, "the browser has gone"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        heard: dict[str, Any] = json.loads(line)
        return heard


@contextlib.contextmanager
def tab() -> Iterator[Tab]:
    """Start the browser with a fresh profile; end it."""
    ours, theirs = os.pipe(), os.pipe()  # What it reads from, what it writes to.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = f"exec chromium {FLAGS} --user-data-dir={profile} 3<&{ours[0]} 4>&{theirs[1]}"
        process = subprocess.Popen(
            ["sh", "-c", command], pass_fds=(ours[0], theirs[1]), stderr=subprocess.DEVNULL
        )
        os.close(ours[0])
        os.close(theirs[1])
        try:
            yield Tab(theirs[0], ours[1])
        finally:
            process.terminate()
            process.wait()
