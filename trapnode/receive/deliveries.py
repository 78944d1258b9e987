"""The bodies of the carriers' webhooks, each read into one frozen value.

Bytes in, a `Delivery` or a ProtocolError out, whatever the bytes are. Strict about what a message
is (which modem, which bytes, which number), lenient about the rest: carriers add fields, and a
time in a new spelling must not cost a leopard.

Sources, read 2026-11: docs.groundcontrol.com "Receiving MO messages via HTTP Webhook" (RockBLOCK),
knowledge.cloudloop.com "LingoMO", The Things Stack "Data Formats", ChirpStack v4 "Event types".
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from trapnode.errors import ProtocolError
from trapnode.receive.shapes import ChirpStack, Lingo, RockBlock, Tts

__all__ = ["JSON", "MAX_BODY", "MAX_PAYLOAD", "PARSERS", "Carrier", "Delivery", "fields_of_form"]

MAX_BODY = 65_536  # Bytes: a LoRaWAN uplink tells of each gateway that heard it, 600 bytes each.
MAX_PAYLOAD = 340  # What a 9602 sends at most; LoRaWAN sends less.
MAX_FIELDS = 50  # Of a form.
IMEI = re.compile(r"[0-9]{15}")
DEV_EUI = re.compile(r"[0-9A-Fa-f]{16}")
ROCKBLOCK_TIME = "%y-%m-%d %H:%M:%S"  # 21-10-31 10:41:50, UTC.

S = TypeVar("S")


class Carrier(StrEnum):
    """Whose webhook it was."""

    ROCKBLOCK = "rockblock"
    CLOUDLOOP = "cloudloop"
    TTS = "tts"
    CHIRPSTACK = "chirpstack"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a carrier handed it over."""

    carrier: Carrier
    modem: str  # IMEI, or DevEUI in capitals.
    payload: bytes
    number: int  # The carrier's own count: MOMSN or frame counter.
    network_at: datetime | None  # When the network took it, UTC, if it said so.
    signature: str = ""  # RockBLOCK's JWT.


def rockblock(body: bytes) -> Delivery | None:
    """Read RockBLOCK's JSON."""
    return _of_rockblock(_json(body, RockBlock))


def rockblock_form(body: bytes) -> Delivery | None:
    """Read RockBLOCK's form."""
    return _of_rockblock(_converted(fields_of_form(body), RockBlock))


def cloudloop(body: bytes) -> Delivery | None:
    """Read Cloudloop's Lingo."""
    told = _json(body, Lingo)
    imei = told.sbd.imei or told.identity.hardware.imei or told.identity.identifier
    return _delivery(
        Carrier.CLOUDLOOP,
        _modem(IMEI, "IMEI", imei),
        _base64("message", told.message),
        _number("sbd.momsn", told.sbd.momsn, 0xFFFF),
        _time(lambda: datetime(**told.receivedAt)),
    )


def tts(body: bytes) -> Delivery | None:
    """Read an uplink of The Things Stack; None for any other of its messages."""
    told = _json(body, Tts)
    uplink = told.uplink_message
    if uplink is None:
        return None
    return _delivery(
        Carrier.TTS,
        _modem(DEV_EUI, "end_device_ids.dev_eui", told.end_device_ids.dev_eui).upper(),
        _base64("uplink_message.frm_payload", uplink.frm_payload),
        _number("uplink_message.f_cnt", uplink.f_cnt, 0xFFFFFFFF),
        _time(lambda: datetime.fromisoformat(uplink.received_at)),
    )


def chirpstack(body: bytes) -> Delivery | None:
    """Read an uplink of ChirpStack; the caller leaves its other events aside."""
    told = _json(body, ChirpStack)
    return _delivery(
        Carrier.CHIRPSTACK,
        _modem(DEV_EUI, "deviceInfo.devEui", told.deviceInfo.devEui).upper(),
        _base64("data", told.data),
        _number("fCnt", told.fCnt, 0xFFFFFFFF),
        _time(lambda: datetime.fromisoformat(told.time)),
    )


JSON, FORM = "application/json", "application/x-www-form-urlencoded"
Parser = Callable[[bytes], Delivery | None]  # None: nothing of a unit is in it.
PARSERS: Mapping[tuple[Carrier, str], Parser] = {
    (Carrier.ROCKBLOCK, JSON): rockblock,
    (Carrier.ROCKBLOCK, FORM): rockblock_form,
    (Carrier.CLOUDLOOP, JSON): cloudloop,
    (Carrier.TTS, JSON): tts,
    (Carrier.CHIRPSTACK, JSON): chirpstack,
}


def fields_of_form(body: bytes) -> dict[str, str]:
    """Read a form whose fields come once each; raise ProtocolError."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise ProtocolError(f"form: {error}") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ProtocolError("form: a field is there twice")
    return fields


def _of_rockblock(told: RockBlock) -> Delivery | None:
    try:
        payload = bytes.fromhex(told.data)
    except ValueError as error:
        raise ProtocolError(f"data: not hex: {error}") from error
    return _delivery(
        Carrier.ROCKBLOCK,
        _modem(IMEI, "imei", str(told.imei)),
        payload,
        _number("momsn", told.momsn, 0xFFFF),
        _time(lambda: _rockblock_time(told.transmit_time)),
        told.JWT or "",
    )


def _rockblock_time(text: str) -> datetime:
    """Read 21-10-31 10:41:50, or what other Ground Control services write: ISO 8601."""
    try:
        return datetime.strptime(text, ROCKBLOCK_TIME)
    except ValueError:
        return datetime.fromisoformat(text)


def _delivery(
    carrier: Carrier,
    modem: str,
    payload: bytes,
    number: int,
    at: datetime | None,
    signature: str = "",
) -> Delivery | None:
    """Make the value; None for a session that carried no bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise ProtocolError(f"message of {len(payload)} bytes: at most {MAX_PAYLOAD} are possible")
    return Delivery(carrier, modem, payload, number, at, signature) if payload else None


def _json(body: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"JSON: {_brief(error)}") from error


def _converted(fields: Mapping[str, str], kind: type[S]) -> S:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"form: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__


def _modem(pattern: re.Pattern[str], name: str, value: str) -> str:
    if not pattern.fullmatch(value):
        raise ProtocolError(f"{name} {value[:40]!a}: is none")
    return value


def _number(name: str, value: str | int, highest: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if not 0 <= number <= highest:
        raise ProtocolError(f"{name} {str(value)[:40]!a}: 0 to {highest}")
    return number


def _base64(name: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"{name}: not base64: {error}") from error


def _time(read: Callable[[], datetime]) -> datetime | None:
    """Give a moment in UTC; None for one that cannot be read, which is no reason to refuse."""
    try:
        at = read()
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
