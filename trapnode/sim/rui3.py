"""The twin of a RAK3172 with RUI3: keeps the rules of the module and of its band, fails when told.

`Rui3Twin` is pure: bytes and the time in, bytes out. `pty.serve` gives it a serial port.
"""

import re
from collections.abc import Sequence
from datetime import timedelta

from trapnode.protocols.lorawan import Region, airtime_s, room, silence_s
from trapnode.protocols.rui3 import PORT
from trapnode.sim.air import Air, Frame

__all__ = ["Rui3Twin"]

DEV_EUI = "AC1F09FFFE000001"
FACTORY = {
    "NWM": "1",
    "BAND": "4",
    "NJM": "1",
    "CLASS": "A",
    "DEVEUI": DEV_EUI,
    "APPEUI": "0" * 16,
    "APPKEY": "0" * 32,
    "CFM": "0",
    "RETY": "0",
    "ADR": "0",
    "DR": "0",
    "TIMEREQ": "0",
}
VALUES = {  # What a setting takes; the module knows more bands than this twin.
    "NWM": "[01]",
    "BAND": "[1248]",
    "NJM": "[01]",
    "CLASS": "[ABC]",
    "DEVEUI": "[0-9A-F]{16}",
    "APPEUI": "[0-9A-F]{16}",
    "APPKEY": "[0-9A-F]{32}",
    "CFM": "[01]",
    "RETY": "[0-7]",
    "ADR": "[01]",
    "DR": "[0-5]",
    "TIMEREQ": "[01]",
}
REGIONS = {"1": Region.CN470, "2": Region.RU864, "4": Region.EU868, "8": Region.AS923}
ENDS_SESSION = ("NWM", "BAND", "NJM", "DEVEUI", "APPEUI", "APPKEY")
COMMAND_S, BOOT_S = 0.01, 1.0
WINDOWS_S, JOIN_WINDOWS_S, ACK_S = 2.1, 6.1, 1.2
JOIN_SIZE = 10  # Bytes of a join request beyond what `airtime_s` adds: 23 in all.
INPUT_MAX = 1024
SLOWEST = 12  # SF12 is DR0; the spreading factor falls with the data rate.


class Rui3Twin:
    """A RAK3172: one frame at a time; settings outlive a loss of power, sessions do not."""

    def __init__(self, air: Air, *, dwell: bool = True) -> None:
        self.air, self._dwell = air, dwell
        self.settings = dict(FACTORY)
        self.stuck = False  # Answers only `A` until its reset pin.
        self.held = False  # The reset pin is low.
        self._now = 0.0
        self.on_air_s = 0.0
        self._rests_until = 0.0  # The band: it knows nothing of the module's reboots.
        self.reset(0.0)

    def reset(self, now: float) -> None:
        """Pull the reset pin low and let it go, or lose power: session, echo and events go."""
        self.joined, self.stuck, self._echo = False, False, False
        self._behind = timedelta(days=20_000)  # What its clock lacks, until the network sets it.
        self._input, self._output = bytearray(), list[tuple[float, bytes]]()
        self._busy_until = now
        self._ready_at = now + BOOT_S if now else now
        self._last_input = now

    def set(self, high: bool) -> None:
        """Drive the reset pin."""
        if high and self.held:
            self.reset(self._now)
        self.held = not high

    def queue_downlink(self, payload: bytes) -> None:
        """Leave a message for the unit at the network server."""
        self.air.downlinks.append((PORT, payload))

    def log(self, since: int) -> list[dict[str, object]]:
        """Tell what the network server got after the first `since` frames."""
        return self.air.log(self.settings["DEVEUI"], since)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes; the first after sleep arrives garbled."""
        self._now = now
        if now < self._ready_at or self.held or not data:
            return
        if self.stuck:
            self._output.append((now + COMMAND_S, b"A"))
            return
        if self.air.faults.sleeps and now - self._last_input > 1.0:
            data = bytes([data[0] ^ 0x2A]) + data[1:]
        self._last_input = now
        self._input += data[: INPUT_MAX - len(self._input)]
        while b"\n" in self._input:
            line, _, rest = self._input.partition(b"\n")
            self._input = bytearray(rest)
            self._obey(line.decode("latin-1").strip("\r"), now + COMMAND_S)

    def transmit(self, now: float) -> bytes:
        """Give the bytes whose time has come, in order of their time."""
        self._now = now
        due = sorted((each for each in self._output if each[0] <= now), key=lambda each: each[0])
        self._output = [each for each in self._output if each[0] > now]
        return b"".join(data for _, data in due)

    def next_due(self, now: float) -> float | None:
        """Give the next moment at which something is said; None for never."""
        return min((at for at, _ in self._output), default=None)

    def _say(self, at: float, *lines: str) -> None:
        self._output += [(at, f"{line}\r\n".encode("latin-1")) for line in lines]

    def _obey(self, line: str, at: float) -> None:
        if self._echo and line:
            self._say(at, line)
        if not line:
            return
        name, equals, value = line.upper().removeprefix("AT+").partition("=")
        if line.upper() in ("AT", "ATE"):
            self._echo ^= line.upper() == "ATE"
            self._say(at, "OK")
        elif name in ("JOIN", "SEND") and equals and value != "?":
            self._say(at, *(self._join(value, at) if name == "JOIN" else self._send(value, at)))
        elif value == "?" and name == "LTIME":
            moment = self.air.utc(at) - self._behind
            self._say(at, f"LTIME:{moment:%Hh%Mm%Ss on %m/%d/%Y}", "OK")
        elif value == "?" and name in self.settings | {"NJS": ""}:
            known = self.settings | {"NJS": str(int(self.joined))}
            self._say(at, f"AT+{name}={known[name]}", "OK")
        elif name in self.settings and value:
            self._say(at, "OK" if self._set(name, value) else "AT_PARAM_ERROR")
        else:
            self._say(at, "AT_COMMAND_NOT_FOUND")

    def _set(self, name: str, value: str) -> bool:
        if not re.fullmatch(VALUES[name], value):
            return False
        self.joined &= not (name in ENDS_SESSION and self.settings[name] != value)
        self.settings[name] = value
        return True

    def _restricted(self, at: float) -> Sequence[str]:
        if at < self._busy_until:
            return ["AT_BUSY_ERROR"]
        if at < self._rests_until:
            wait_ms = int((self._rests_until - at) * 1000) + 1
            return [f"Restricted_Wait_{wait_ms}_ms", "AT_BUSY_ERROR"]
        return []

    def _radiate(self, size: int, at: float) -> float:
        lasts_s = airtime_s(max(7, SLOWEST - int(self.settings["DR"])), size)
        self.on_air_s += lasts_s
        self._rests_until = at + lasts_s + silence_s(self._region, lasts_s)
        return at + lasts_s

    @property
    def _region(self) -> Region:
        return REGIONS[self.settings["BAND"]]

    def _join(self, _value: str, at: float) -> Sequence[str]:
        if refusal := self._restricted(at):
            return refusal
        self._busy_until = self._radiate(JOIN_SIZE, at) + JOIN_WINDOWS_S
        self.joined = not self.air.happens(self.air.faults.loses_join)
        self.air.knows |= self.joined
        self._say(self._busy_until, "+EVT:JOINED" if self.joined else "+EVT:JOIN FAILED")
        return ["OK"]

    def _send(self, value: str, at: float) -> Sequence[str]:
        port, _, text = value.partition(":")
        try:
            payload, number = bytes.fromhex(text), int(port)
        except ValueError:
            return ["AT_PARAM_ERROR"]
        if not self.joined:
            return ["AT_NO_NETWORK_JOINED"]
        if refusal := self._restricted(at):
            return refusal
        most = room(self._region, int(self.settings["DR"]), dwell=self._dwell)
        if self.air.happens(self.air.faults.crowds):
            most -= 15
        if not 1 <= len(payload) <= most or not 1 <= number <= 223:
            return ["AT_PARAM_ERROR"]
        self._fly(Frame(at, number, payload, self.settings["CFM"] == "1"), at)
        return ["OK"]

    def _fly(self, frame: Frame, at: float) -> None:
        """Put a frame on the air; say later what came back."""
        air, faults = self.air, self.air.faults
        ends = self._radiate(len(frame.payload), at) + WINDOWS_S
        arrives = not air.happens(faults.loses_frame) and air.knows
        if arrives:
            air.received.append(frame)
        if air.happens(faults.browns_out):
            self.reset(at)
            return
        answered = arrives and not air.happens(faults.loses_ack)
        self._busy_until = ends if answered or not frame.confirmed else ends + ACK_S
        told = "+EVT:TX_DONE"
        if frame.confirmed:
            told = "+EVT:SEND_CONFIRMED_OK" if answered else "+EVT:SEND_CONFIRMED_FAILED(4)"
        self._say(self._busy_until, told)
        if answered and self.settings["TIMEREQ"] == "1":
            self._behind, self.settings["TIMEREQ"] = timedelta(0), "0"
            self._say(self._busy_until, "+EVT:TIMEREQ_OK")
        if answered and air.downlinks:
            port, payload = air.downlinks.popleft()
            said = f"+EVT:RX_1:-70:8:UNICAST:{port}:{payload.hex()}"
            first = air.happens(faults.event_anywhere)  # Before or after the word on the frame.
            self._say(self._busy_until + (-0.05 if first else 0.05), said)
