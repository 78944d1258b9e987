"""The carriers' JSON: the fields that we read, and what they must be.

Others may be there. Zero, false and empty fields are left out by Cloudloop, The Things Stack and
ChirpStack (protobuf's JSON). A time is `Any`: one in a new spelling must not cost a leopard.
"""

from typing import Any

import msgspec

__all__ = ["ChirpStack", "Lingo", "RockBlock", "Tts"]


class RockBlock(msgspec.Struct, frozen=True):
    imei: str | int
    momsn: str | int
    data: str = ""
    transmit_time: Any = None
    JWT: str | None = None


class _Hardware(msgspec.Struct, frozen=True):
    imei: str = ""


class _Identity(msgspec.Struct, frozen=True):
    hardware: _Hardware = _Hardware()
    identifier: str = ""  # Of other hardware than Iridium's: its own name.


class _Sbd(msgspec.Struct, frozen=True):
    imei: str = ""
    momsn: int = 0


class Lingo(msgspec.Struct, frozen=True):
    identity: _Identity
    message: str = ""
    sbd: _Sbd = _Sbd()
    receivedAt: Any = None


class _EndDevice(msgspec.Struct, frozen=True):
    dev_eui: str = ""


class _UplinkMessage(msgspec.Struct, frozen=True):
    frm_payload: str = ""
    f_cnt: int = 0
    received_at: Any = None


class Tts(msgspec.Struct, frozen=True):
    end_device_ids: _EndDevice = _EndDevice()
    uplink_message: _UplinkMessage | None = None


class _DeviceInfo(msgspec.Struct, frozen=True):
    devEui: str = ""


class ChirpStack(msgspec.Struct, frozen=True):
    deviceInfo: _DeviceInfo = _DeviceInfo()
    data: str = ""
    fCnt: int = 0
    time: Any = None
