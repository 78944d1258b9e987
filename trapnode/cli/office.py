"""The demo's desk: a real receiver, the carrier that hands it what the gateway got.

Without the libraries of the extra `desk` there is no server; then the same is done in this process.

OUT/desk/units.toml    who is who, with the key of the unit's card
OUT/desk/receive.db    what `trapnode receive` took and opened
OUT/world/down/        where its folder carrier lays downlinks; the twin's gateway takes them
"""

import base64
import contextlib
import json
import re
import secrets
import urllib.request
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trapnode.cli.crew import Crew, await_that
from trapnode.cli.papers import UNIT
from trapnode.message.sealing import CardKey
from trapnode.receive.database import Database
from trapnode.receive.deliveries import JSON, PARSERS, Carrier
from trapnode.receive.inbox import Inbox
from trapnode.receive.opening import Opening
from trapnode.receive.sending import send_due
from trapnode.receive.units import read
from trapnode.sim.modem import IMEI
from trapnode.sim.rui3 import DEV_EUI
from trapnode.sim.world import World

__all__ = ["Office"]

NEEDED = ("falcon", "jwt", "waitress")
LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)
ANSWER_S = 3.0  # A carrier waits no longer.
EVERY_S = 2.0  # Between rounds of sending.
ACK_HOURS = 5.0 / 3600  # In the demo's world that is minutes, and no credit costs anything.
UNITS = """\
# What `trapnode receive` was told; `trapnode keys radio` prints the last three lines.
[receive]
token = "{token}"
[folder]
path = "{down}"
[[unit]]
name = "{unit}"
modem = "{modem}"
carrier = "folder"
ack_hours = {ack_hours}
[[unit.card]]
generation = {generation}
key = "{key}"
"""


class Office:
    """The receiver's two processes, and the carrier's way to them."""

    def __init__(self, out: Path, world: World, key: CardKey) -> None:
        self.database = out / "desk" / "receive.db"
        self._units = out / "desk" / "units.toml"
        self._log = out / "log" / "receive.log"
        self._world = world
        self._token = secrets.token_hex(16)
        self._url = ""  # Empty: there is no server.
        self._carried = 0
        self._carrier = Carrier.TTS if world.radio == "lorawan" else Carrier.ROCKBLOCK
        self._units.parent.mkdir()
        self._units.write_text(
            UNITS.format(
                token=self._token,
                down=world.mailbox,
                unit=UNIT,
                modem=IMEI if self._carrier is Carrier.ROCKBLOCK else DEV_EUI,
                ack_hours=ACK_HOURS,
                generation=key.generation,
                key=key.key.hex(),
            ),
            "utf-8",
        )
        self._units.chmod(0o600)

    def open(self, crew: Crew) -> bool:
        """Start the receiver as members of the crew; say whether it can be. Raise TrapnodeError."""
        if not all(find_spec(each) for each in NEEDED):
            return False
        files = ("--units", str(self._units), "--database", str(self.database))
        crew.also("receive", "receive", "serve", "--listen", "127.0.0.1:0", *files)
        await_that(self._listens, "the receiver to listen", crew)
        crew.also("receive-send", "receive", "send", "--every", str(EVERY_S), *files)
        return True

    def carry(self) -> None:
        """Hand over what is new at the gateway, as a carrier does: what fails comes again."""
        lines: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            lines = self._world.gateway.read_text("ascii").splitlines(keepends=True)
        for line in lines[self._carried :]:
            if not line.endswith("\n"):
                break
            told = WEBHOOKS[self._carrier](json.loads(line), self._carried)
            if not self._hand_over(json.dumps(told).encode()):
                break
            self._carried += 1
        if not self._url:
            with contextlib.closing(Database(self.database)) as database:
                send_due(database, read(self._units), datetime.now(UTC))

    def _hand_over(self, body: bytes) -> bool:
        if not self._url:
            self._take_here(body)
            return True
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _take_here(self, body: bytes) -> None:
        delivery, now = PARSERS[self._carrier, JSON](body), datetime.now(UTC)
        assert delivery is not None
        with contextlib.closing(Database(self.database)) as database:
            Inbox(database).take(delivery, UNIT, now)
            Opening(database).open_all(read(self._units), now)

    def _listens(self) -> bool:
        found = LISTENING.search(self._log.read_text("utf-8", "replace"))
        if found:
            self._url = f"http://127.0.0.1:{found[1]}/{self._token}/{self._carrier}"
        return found is not None


def _rockblock(delivery: dict[str, Any], _number: int) -> dict[str, Any]:
    """Tell what the satellite gateway got as RockBLOCK does."""
    return {
        "imei": delivery["imei"],
        "momsn": delivery["momsn"],
        "transmit_time": delivery["at"][2:19].replace("T", " "),
        "data": delivery["hex"],
    }


def _tts(delivery: dict[str, Any], number: int) -> dict[str, Any]:
    """Tell what the network server got as The Things Stack does."""
    uplink = {
        "f_port": delivery["port"],
        "f_cnt": number,
        "frm_payload": base64.b64encode(bytes.fromhex(delivery["hex"])).decode(),
        "received_at": delivery["at"],
    }
    return {"end_device_ids": {"dev_eui": delivery["dev_eui"]}, "uplink_message": uplink}


WEBHOOKS = {Carrier.ROCKBLOCK: _rockblock, Carrier.TTS: _tts}
