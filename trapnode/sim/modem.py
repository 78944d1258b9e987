"""The twin of an Iridium 9602: speaks its grammar, keeps its rules, fails when told or by chance.

`SbdTwin` is pure: bytes and the time in, bytes out. `pty.serve` gives it a serial port.
"""

import random
from collections import deque
from collections.abc import Callable

from trapnode.protocols.at import sum16
from trapnode.protocols.buffers import MAX_PAYLOAD, MT_BUFFER
from trapnode.protocols.iridium import ERAS, TICK
from trapnode.sim.gateway import Delivery, Gateway

__all__ = ["SbdTwin"]

IMEI = "300434060006838"  # A valid check digit, of no real modem that we know.
COMMAND_S, CSQ_S = 0.02, 2.0  # CSQ waits for a fresh value: about 2 s by the guide.
SESSION_S = (8.0, 20.0)
WRITE_S = 60.0  # How long the modem waits for the bytes of an SBDWB.
INPUT_MAX = 4096


class SbdTwin:
    """A 9602: one buffer out, one buffer in; what is asked during a session waits for its end."""

    def __init__(self, gateway: Gateway, *, rng: random.Random, imei: str = IMEI) -> None:
        self.gateway, self.imei = gateway, imei
        self.asleep, self.flushes = False, list[bool]()  # Was its memory written, each time?
        self._rng = rng
        self._momsn = self._mtmsn = 0
        self.told = 0  # Downlinks that waited at the end of the last session.
        self.power_up()

    def set(self, high: bool) -> None:
        """Drive the sleep line: low takes the modem's power, high gives it again."""
        if high is not self.asleep:
            return
        if not high:
            self.flushes.append(self._flushed)
        self.power_up()
        self.asleep = not high

    def power_up(self) -> None:
        """Start as after a loss of power: echo on, buffers empty; the serial numbers stay."""
        self._echo, self._rings, self._cier, self._radio = True, False, False, True
        self._mo = self._mt = b""
        self._input, self._output = bytearray(), deque[tuple[float, bytes]]()
        self._free_at = self._arrived = self._write_ends = 0.0
        self._in_session, self._wanted, self._ring, self._rang = False, 0, False, False
        self._flushed = False
        self._told_bars: int | None = None

    def queue_downlink(self, payload: bytes) -> None:
        """Leave a message for the unit at the gateway, which rings."""
        self.gateway.queue(payload)
        self._ring = self._rang = self._rings

    def log(self, since: int) -> list[dict[str, object]]:
        """Tell what the gateway got after the first `since` messages."""
        return self.gateway.log(self.imei, since)

    def bars(self, now: float) -> int:
        """Give the signal at `now`."""
        return self.gateway.bars(now) if self._radio else 0

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes; those that come during a session are answered after it."""
        if self.asleep:
            return
        self._advance(now)
        self._input += data[: INPUT_MAX - len(self._input)]
        self._arrived = now
        self._advance(now)

    def transmit(self, now: float) -> bytes:
        """Give the bytes whose time has come."""
        self._advance(now)
        sent = b""
        while self._output and self._output[0][0] <= now:
            sent += self._output.popleft()[1]
        if self._ring:
            self._ring = False
            sent += b"\r\nSBDRING\r\n"
        return sent

    def next_due(self, now: float) -> float | None:
        """Give the next moment at which something changes without new bytes; None for never."""
        moments = [due for due, _ in list(self._output)[:1]]
        moments += [self._free_at] if self._free_at > now else []
        moments += [self._write_ends] if self._wanted else []
        return min(moments, default=None)

    def _advance(self, now: float) -> None:
        while self._free_at <= now and self._step(now):
            pass
        if self._cier and self.bars(now) != self._told_bars:
            self._told_bars = self.bars(now)
            service = int(self._told_bars > 0)
            self._say(now, f"+CIEV:0,{self._told_bars}", f"+CIEV:1,{service}")

    def _step(self, now: float) -> bool:
        if self._in_session:
            self._end_session()
        elif self._wanted and len(self._input) >= self._wanted:
            self._end_write()
        elif self._wanted and now >= self._write_ends:
            self._wanted = 0
            self._input.clear()
            self._answer(self._write_ends, "1")
        elif not self._wanted and b"\r" in self._input:
            line, _, self._input = self._input.partition(b"\r")
            self._free_at = max(self._free_at, self._arrived) + COMMAND_S
            self._obey(bytes(line).strip(), self._free_at)
        else:
            return False
        return True

    def _obey(self, line: bytes, at: float) -> None:
        if self._echo and line:
            self._output.append((at, line + b"\r"))
        command, _, argument = line.decode("ascii", "replace").upper().partition("=")
        if command in QUERIES:
            self._answer(at, QUERIES[command](self, at))
        elif command in ACTIONS:
            ACTIONS[command](self, argument, at)
        elif line:
            self._answer(at, final="OK" if self._set(command, argument) else "ERROR")

    def _set(self, command: str, argument: str) -> bool:
        match command, argument:
            case ("AT" | "AT&D0" | "AT&K0" | "AT&K3", ""):
                pass
            case ("ATE0" | "ATE1", ""):
                self._echo = command == "ATE1"
            case ("AT*F" | "AT*R0" | "AT*R1", ""):  # *F writes all to flash for the power cut.
                self._radio, self._flushed = command == "AT*R1", command == "AT*F"
            case ("AT+SBDMTA", "0" | "1"):
                self._rings = argument == "1"
            case ("AT+CIER", "0,0,0" | "1,1,1"):
                self._cier, self._told_bars = argument == "1,1,1", None
            case _:
                return False
        return True

    def _say(self, at: float, *lines: str) -> None:
        chunks = [f"\r\n{line}\r\n".encode() for line in lines]
        if self._ring:  # It rings between any two lines.
            self._ring = False
            chunks.insert(self._rng.randrange(len(chunks) + 1), b"\r\nSBDRING\r\n")
        self._output += [(at, chunk) for chunk in chunks]

    def _answer(self, at: float, *lines: str, final: str = "OK") -> None:
        self._say(at, *lines, final)

    def _begin_write(self, argument: str, at: float) -> None:
        if not argument.isdecimal():
            self._answer(at, final="ERROR")
        elif not 1 <= int(argument) <= MAX_PAYLOAD:
            self._answer(at, "3")
        else:
            self._say(at, "READY")
            self._wanted, self._write_ends = int(argument) + 2, at + WRITE_S

    def _end_write(self) -> None:
        whole = bytes(self._input[: self._wanted])
        del self._input[: self._wanted]
        self._wanted = 0
        self._free_at = max(self._free_at, self._arrived) + COMMAND_S
        good = sum16(whole[:-2]) == whole[-2:]
        self._mo = whole[:-2] if good else self._mo
        self._answer(self._free_at, "0" if good else "2")

    def _clear(self, mo: bool, mt: bool, at: float) -> None:
        self._mo = b"" if mo else self._mo
        self._mt = b"" if mt else self._mt
        self._answer(at, "0")

    def _read(self, _argument: str, at: float) -> None:
        block = len(self._mt).to_bytes(2, "big") + self._mt + sum16(self._mt)
        self._output.append((at, block))
        self._answer(at)

    def _copy(self, _argument: str, at: float) -> None:
        if len(self._mo) > MT_BUFFER:
            self._answer(at, final="ERROR")
            return
        self._mt = self._mo
        self._answer(at, f"SBDTC: Outbound SBD Copied to Inbound SBD: size = {len(self._mt)}")

    def _begin_session(self, _argument: str, at: float) -> None:
        self._in_session, self._mt = True, b""
        self._free_at = at + self._rng.uniform(*SESSION_S)

    def _end_session(self) -> None:
        self._in_session, at = False, self._free_at
        plan = self.gateway.session(at, radio=self._radio)
        momsn, sent = self._momsn, plan.status <= 4
        if plan.arrives and self._mo:
            self.gateway.deliver(Delivery(at, momsn, self._mo))
        if plan.browns_out:
            self.power_up()
            return
        self._rang = False
        self._momsn = (momsn + sent) & 0xFFFF
        self._mt = self.gateway.fetch() if sent else b""
        self._mtmsn = (self._mtmsn + bool(self._mt)) & 0xFFFF
        mtmsn = self._mtmsn if self._mt else self._rng.choice((0, -1))
        self.told = self.gateway.queued if sent else 0
        counts = (int(bool(self._mt)), mtmsn, len(self._mt), self.told)
        if plan.replies:
            comma, colon = self._rng.choice((",", ", ")), self._rng.choice((":", ": "))
            fields = comma.join(str(field) for field in (plan.status, momsn, *counts))
            self._answer(at, f"+SBDIX{colon}{fields}")

    def _flags(self) -> str:
        return f"{int(bool(self._mo))}, {self._momsn}, {int(bool(self._mt))}, {self._mtmsn}"

    def _system_time(self, at: float) -> str:
        ticks = (self.gateway.utc(at) - ERAS[0]) // TICK
        return f"-MSSTM: {ticks:08x}" if self.bars(at) else "-MSSTM: no network service"

    def _signal(self, _argument: str, at: float) -> None:
        self._free_at = at + CSQ_S
        self._answer(self._free_at, f"+CSQ:{self.bars(self._free_at)}")


QUERIES: dict[str, Callable[[SbdTwin, float], str]] = {
    "AT+CGSN": lambda twin, at: twin.imei,
    "AT+CGMR": lambda twin, at: "Call Processor Version: TA16005",
    "AT+CSQF": lambda twin, at: f"+CSQF:{twin.bars(at)}",
    "AT-MSSTM": SbdTwin._system_time,
    "AT+SBDS": lambda twin, at: f"+SBDS: {twin._flags()}",
    "AT+SBDSX": lambda twin, at: f"+SBDSX: {twin._flags()}, {int(twin._rang)}, {twin.told}",
    "AT+CRIS": lambda twin, at: f"+CRIS:0,{int(twin._rang)}",
}
ACTIONS: dict[str, Callable[[SbdTwin, str, float], None]] = {
    "AT+CSQ": SbdTwin._signal,
    "AT+SBDWB": SbdTwin._begin_write,
    "AT+SBDIX": SbdTwin._begin_session,
    "AT+SBDIXA": SbdTwin._begin_session,
    "AT+SBDRB": SbdTwin._read,
    "AT+SBDTC": SbdTwin._copy,
    "AT+SBDD0": lambda twin, _, at: twin._clear(True, False, at),
    "AT+SBDD1": lambda twin, _, at: twin._clear(False, True, at),
    "AT+SBDD2": lambda twin, _, at: twin._clear(True, True, at),
}
