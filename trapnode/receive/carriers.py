"""How downlinks go out: the carriers' HTTP APIs, or a folder.

A carrier's refusal that a person can mend (login, credit, line rental, a wrong name) is no reason
to lose a downlink: it waits, and its reason is shown. Sources, read 2026-11: docs.groundcontrol.com
"Sending MT Messages", The Things Stack "Scheduling Downlinks", ChirpStack's DeviceService.Enqueue.
"""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from trapnode.errors import LinkUnavailable, MessageRefused, StoreError
from trapnode.protocols.rui3 import PORT
from trapnode.receive.units import ChirpStackApi, Desk, RockBlockApi, TtsApi, Unit
from trapnode.store.disk import RealDisk, write_whole

__all__ = ["Send", "carrier_of"]

Send = Callable[[Unit, int, bytes, bool], str]
"""Hand a unit's downlink over: counter, bytes, may it replace what waits. Give its reference.

Raise LinkUnavailable (later), MessageRefused (never).
"""

TIMEOUT_S = 30.0
MAX_ANSWER = 4096
ROCKBLOCK_NEVER = {14, 15, 16}  # Not hex, too long, no data: the same bytes stay so.


def carrier_of(unit: Unit, desk: Desk) -> Send | None:
    """Give the way to a unit; None: it has none."""
    match unit.carrier:
        case "rockblock":
            return lambda *downlink: _rockblock(desk.rockblock, *downlink)
        case "tts":
            return lambda *downlink: _tts(desk.tts, *downlink)
        case "chirpstack":
            return lambda *downlink: _chirpstack(desk.chirpstack, *downlink)
        case "folder":
            return lambda *downlink: _folder(Path(desk.folder), *downlink)
        case _:
            return None


def _rockblock(api: RockBlockApi, unit: Unit, _: int, payload: bytes, replaces: bool) -> str:
    told = {
        "imei": unit.modem,
        "username": api.username,
        "password": api.password,
        "data": payload.hex(),
        **({"flush": "yes"} if replaces else {}),
    }
    answer = _asked("POST", f"{api.url}?{urllib.parse.urlencode(told)}", b"", {})
    status, _sep, rest = answer.strip().partition(",")
    if status == "OK":
        return rest
    code, _sep, text = rest.partition(",")
    if status == "FAILED" and code.isdecimal() and int(code) in ROCKBLOCK_NEVER:
        raise MessageRefused(f"rockblock: {code} {text}")
    raise LinkUnavailable(f"rockblock: {answer.strip()[:200]}")


def _tts(api: TtsApi, unit: Unit, _: int, payload: bytes, replaces: bool) -> str:
    names = (api.application, "webhooks", api.webhook, "devices", unit.device, "down")
    path = "/".join(urllib.parse.quote(each, safe="") for each in names)
    url = f"{api.url}/api/v3/as/applications/{path}/{'replace' if replaces else 'push'}"
    downlink = {"frm_payload": base64.b64encode(payload).decode(), "f_port": PORT}
    body = json.dumps({"downlinks": [downlink]}).encode()
    _asked("POST", url, body, {"Authorization": f"Bearer {api.key}"})
    return ""


def _chirpstack(api: ChirpStackApi, unit: Unit, _: int, payload: bytes, replaces: bool) -> str:
    url = f"{api.url}/api/devices/{unit.modem.lower()}/queue"
    header = {"Grpc-Metadata-Authorization": f"Bearer {api.key}"}
    if replaces:
        _asked("DELETE", url, None, header)
    item = {"confirmed": False, "fPort": PORT, "data": base64.b64encode(payload).decode()}
    answer = _asked("POST", url, json.dumps({"queueItem": item}).encode(), header)
    try:
        return str(json.loads(answer).get("id", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def _folder(folder: Path, unit: Unit, counter: int, payload: bytes, _: bool) -> str:
    """Write MODEM.COUNTER.hex; whoever takes the downlink on removes it."""
    path = folder / f"{unit.modem}.{counter:010d}.hex"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(RealDisk(), path, payload.hex().encode() + b"\n")
    except (OSError, StoreError) as error:
        raise LinkUnavailable(f"{path}: {error}") from error
    return path.name


def _asked(method: str, url: str, body: bytes | None, header: Mapping[str, str]) -> str:
    """Ask an API; give its answer to a request that it took."""
    if not url.startswith(("https://", "http://")):
        raise LinkUnavailable("the carrier's url is not in the units file")
    headers = {"Content-Type": "application/json", "Accept": "*/*", **header}
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return bytes(answer.read(MAX_ANSWER)).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:  # Which repeats neither URL nor key.
        said = error.read(MAX_ANSWER).decode("utf-8", "replace")
        reason = f"HTTP {error.code}: {' '.join(said.split())[:200]}"
        raise (MessageRefused if error.code == 400 else LinkUnavailable)(reason) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", "") or getattr(error, "strerror", "")  # No URL in it.
        raise LinkUnavailable(f"{type(error).__name__} {reason}".strip()) from None
