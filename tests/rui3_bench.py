"""A RAK3172 in a few lines, and a runner for dialogues with it."""

import re

from trapnode.protocols import rui3, rui3_module
from trapnode.protocols.at import AtReader, Exchange
from trapnode.protocols.lorawan import Region

KEY = "2b7e151628aed2a6abf7158809cf4f3c"
NETWORK = rui3_module.Network(Region.RU864, "ac1f09fffe000001", "0102030405060708", KEY)
DWELL = rui3_module.Network(Region.AS923, NETWORK.dev_eui, NETWORK.app_eui, KEY)
PAYLOAD = bytes(range(22))
DOWNLINK = "+EVT:RX_1:-70:8:UNICAST:2:0a0B"


class Module:
    """What a RAK3172 answers, scripted: `says` overrides the answer to a command, once each."""

    def __init__(self, network=NETWORK, joined=True, echo=True, rate=0, says=()) -> None:
        self.store = dict(network.settings()) | {"DR": str(rate), "NJS": str(int(joined))}
        self.echo, self.says, self.heard = echo, list(says), []

    def answer(self, written: bytes) -> bytes:
        command = written.decode().strip()
        if not command:
            return b""
        self.heard.append(command)
        for index, (pattern, reply) in enumerate(self.says):
            if re.fullmatch(pattern, command):
                del self.says[index]
                return reply.replace("$", command).encode()
        echo = f"{command}\r\n" if self.echo else ""
        return "".join([echo, *(f"{line}\r\n" for line in self.obey(command))]).encode()

    def obey(self, command: str) -> list[str]:
        name, _, value = command.removeprefix("AT+").partition("=")
        if command == "ATE":
            self.echo = not self.echo
        elif name == "JOIN":
            self.store["NJS"] = "1"
            return ["OK", "+EVT:JOINED"]
        elif name == "SEND":
            return ["OK", "+EVT:SEND_CONFIRMED_OK"]
        elif value == "?":
            return [f"{command[:-1]}{self.store[name]}", "OK"]
        elif value:
            self.store[name] = value
        return ["OK"]

    def sent(self, name: str) -> list[str]:
        return [each for each in self.heard if each.startswith(f"AT+{name}=") and each[-1] != "?"]


def play(dialogue, answer, cut=0):
    """Run a dialogue to its result; what the module says comes in two pieces, cut at `cut`."""
    reader = AtReader(rui3_module.RUI3)
    try:
        ask = next(dialogue)
        while True:
            reply = answer(ask.write)
            exchange = Exchange(reader, ask)
            early = exchange.receive(reply[:cut])
            ask = dialogue.send(early or exchange.receive(reply[cut:]) or exchange.silence())
    except StopIteration as done:
        return done.value


def send(module, network=NETWORK, payload=PAYLOAD, cut=0, rejoin=False):
    return play(rui3.send(payload, network, rejoin=rejoin), module.answer, cut)


def sending(*lines: str):
    """Answer AT+SEND with these lines, after its echo."""
    return [(r"AT\+SEND=.*", "\r\n".join(["$", *lines, ""]))]
