"""A desk for tests: two units with cards, webhooks of each carrier, a server without a port."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from falcon import testing

from tests.fakes import NOON, an_observation
from trapnode.message import pack_observation
from trapnode.message.sealing import CardKey, seal
from trapnode.model import MessageKind
from trapnode.receive.database import Database
from trapnode.receive.units import Card, Desk, Unit
from trapnode.receive.web import application

IMEI = "300234010753370"
DEV_EUI = "AC1F09FFFE0A0B0C"
TOKEN = "0123456789abcdef0123456789abcdef"
OLD = CardKey(1, bytes(range(16)))
NEW = CardKey(2, bytes(range(1, 17)))
LORA = CardKey(7, bytes(range(2, 18)))
FORGED = CardKey(2, bytes(16))


def a_unit(**changes: Any) -> Unit:
    """Make the unit AL07, with an old card and a new one."""
    values: dict[str, Any] = {
        "name": "AL07",
        "modem": IMEI,
        "carrier": "folder",
        "device": "al07",
        "ack_hours": 24.0,
        "cards": (Card(NEW, False), Card(OLD, False)),
    }
    return Unit(**(values | changes))


def a_desk(*units: Unit, **changes: Any) -> Desk:
    """Make a desk that knows these units, or AL07 and AL08 by LoRaWAN."""
    lora = a_unit(name="AL08", modem=DEV_EUI, carrier="tts", cards=(Card(LORA, False),))
    return Desk(units or (a_unit(), lora), **changes)


def a_message(counter: int, *ids: int, key: CardKey = NEW, label: str = "leopard") -> bytes:
    """Seal observations."""
    body = b"".join(pack_observation(an_observation(each, label)) for each in ids or (counter,))
    return seal(MessageKind.OBSERVATIONS, counter, body, key)


def rockblock(payload: bytes, momsn: int = 1, modem: str = IMEI, **more: Any) -> dict[str, Any]:
    """Make RockBLOCK's webhook, as its documentation shows it."""
    return {
        "imei": modem,
        "serial": 12345,
        "momsn": momsn,
        "transmit_time": "26-11-22 04:30:05",
        "iridium_latitude": 52.3867,
        "iridium_longitude": 0.2938,
        "iridium_cep": 8,
        "data": payload.hex(),
    } | more


def lingo(payload: bytes, momsn: int = 1, modem: str = IMEI) -> dict[str, Any]:
    """Make Cloudloop's webhook."""
    at = {"year": 2026, "month": 11, "day": 22, "hour": 4, "minute": 30, "second": 5}
    return {
        "id": "38f132ed-73e7-4488-a743-ec00fe7d7879",
        "receivedAt": at,
        "identity": {
            "accountId": "yJGjpPobLlmOdanVkPWAKYzNMgwVZkrR",
            "subscriber": {"id": "XgwyNPpDmebJLWXmwgEo", "type": "SUBSCRIBER_TYPE_SBD"},
            "hardware": {"id": "joGR", "type": "HARDWARE_TYPE_ROCKBLOCK", "imei": modem},
            "identifier": modem,
        },
        "sbd": {"imei": modem, "momsn": momsn, "mtmsn": 0, "sessionAt": at},
        "message": base64.b64encode(payload).decode(),
        "signature": "",
    }


def tts(payload: bytes, f_cnt: int = 1, modem: str = DEV_EUI) -> dict[str, Any]:
    """Make an uplink of The Things Stack."""
    return {
        "end_device_ids": {
            "device_id": "al08",
            "application_ids": {"application_id": "park"},
            "dev_eui": modem,
        },
        "correlation_ids": ["as:up:01"],
        "received_at": "2026-11-22T04:30:05.123456789Z",
        "uplink_message": {
            "f_port": 2,
            **({"f_cnt": f_cnt} if f_cnt else {}),
            "frm_payload": base64.b64encode(payload).decode(),
            "rx_metadata": [{"gateway_ids": {"gateway_id": "hill"}, "rssi": -112}],
            "received_at": "2026-11-22T04:30:04.987654321Z",
        },
    }


def chirpstack(payload: bytes, f_cnt: int = 1, modem: str = DEV_EUI) -> dict[str, Any]:
    """Make an uplink of ChirpStack."""
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-11-22T04:30:05.775023242+00:00",
        "deviceInfo": {"deviceName": "al08", "devEui": modem.lower(), "tags": {"key": "value"}},
        "devAddr": "00189440",
        "dr": 1,
        "fCnt": f_cnt,
        "fPort": 2,
        "data": base64.b64encode(payload).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -36, "snr": 10.5}],
    }


class Server:
    """The application with its database, spoken to without a port; its clock stands at noon."""

    def __init__(self, folder: Path, desk: Desk | None = None) -> None:
        self.database = Database(folder / "receive.db")
        self.desk = desk or a_desk()
        self.now = NOON
        self.client = testing.TestClient(application(self.database, lambda: self.desk, self._now))

    def post(self, carrier: str, told: Any, **more: Any) -> testing.Result:
        """Post a webhook; a value goes as JSON, bytes as they are."""
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        path = f"/{self.desk.token}/{carrier}" if self.desk.token else f"/{carrier}"
        return self.client.simulate_post(
            path, body=body, **({"headers": {"content-type": "application/json"}} | more)
        )

    def taken(self, carrier: str, told: Any) -> str:
        """Post a webhook that must be taken; give what was said."""
        answer = self.post(carrier, told)
        assert answer.status_code == 200, answer.text
        return answer.text.strip()

    def fates(self) -> list[str]:
        """List what became of the arrivals, in their order."""
        return [str(row[0]) for row in self.database.rows("SELECT fate FROM arrival ORDER BY id")]

    def observed(self) -> list[int]:
        """List the ids of the observations that are told."""
        rows = self.database.rows("SELECT id FROM observation ORDER BY id")
        return [int(str(row[0])) for row in rows]

    def _now(self) -> datetime:
        return self.now


Webhook = Callable[..., dict[str, Any]]
WEBHOOKS: dict[str, tuple[Webhook, CardKey]] = {
    "rockblock": (rockblock, NEW),
    "cloudloop": (lingo, NEW),
    "tts": (tts, LORA),
    "chirpstack": (chirpstack, LORA),
}
