"""The network servers' codec: as ECMAScript 5.1 under node, against the golden vectors."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trapnode.errors import ProtocolError
from trapnode.message import read_header
from trapnode.message.header import KINDS
from trapnode.model import MessageKind

TESTS = Path(__file__).parent
CODEC = TESTS.parent / "trapnode" / "receive" / "ts013"
VECTORS = json.loads((TESTS / "vectors" / "messages.json").read_text("utf-8"))
EXAMPLES = yaml.safe_load((CODEC / "trapnode-codec.yaml").read_text("utf-8"))
FUNCTIONS = {
    "uplinkDecoder": "decodeUplink",
    "downlinkEncoder": "encodeDownlink",
    "downlinkDecoder": "decodeDownlink",
}
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(not NODE, reason="no node here to run the codec with")


def run(*calls: tuple[str, Any], ccm: tuple[tuple[str, ...], ...] = ()) -> Any:
    """Run calls of the codec in one node."""
    asked = {"path": str(CODEC / "trapnode.js"), "calls": calls, "ccm": ccm}
    command = [str(NODE), "--expose-internals", "--no-warnings", str(TESTS / "codec.mjs")]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def up(payload: bytes) -> tuple[str, Any]:
    return "decodeUplink", {"bytes": list(payload), "fPort": 2, "recvTime": "2026-11-22T04:30:12Z"}


def down(payload: bytes) -> tuple[str, Any]:
    return "decodeDownlink", {"bytes": list(payload), "fPort": 2}


@cache
def all_examples() -> list[tuple[str, Any, Any]]:
    return [
        (function, example["input"], example["output"])
        for part, function in FUNCTIONS.items()
        for example in EXAMPLES[part]["examples"]
    ]


def test_the_codec_is_ecmascript_5_1():
    found = run()["es5"]
    if "internal/deps" in found:
        pytest.skip(f"this node does not lend its parser: {found}")
    assert found == ""


def test_every_example_is_what_the_codec_says():
    for part in FUNCTIONS:
        assert EXAMPLES[part]["fileName"] == "trapnode.js"
    answers = run(*((function, given) for function, given, _ in all_examples()))["results"]
    for (_, _, output), answer in zip(all_examples(), answers, strict=True):
        assert answer == {**output, "warnings": []}


def test_the_examples_are_the_golden_vectors():
    ups = [(vector["hex"], vector["kind"]) for vector in VECTORS["messages"]]
    downs = [(vector["hex"], "commands") for vector in VECTORS["downlinks"]]
    found: dict[str, list[tuple[str, str]]] = {function: [] for function in FUNCTIONS.values()}
    for function, asked, output in all_examples():
        data = output.get("data") or {"hex": bytes(output["bytes"]).hex(), "kind": "commands"}
        found[function].append((data["hex"], data["kind"]))
        assert asked.get("bytes", output.get("bytes")) == list(bytes.fromhex(data["hex"]))
    assert found == {"decodeUplink": ups, "encodeDownlink": downs, "decodeDownlink": downs}


def test_the_codec_knows_the_kinds_and_refuses_what_the_unit_refuses():
    refused = [bytes.fromhex(vector["hex"]) for vector in VECTORS["refused"]]
    firsts = [bytes([first]) + bytes(29) for first in range(256)]
    answers = run(*map(up, [*refused, *firsts]), *map(down, firsts))["results"]
    for payload, answer in zip([*refused, *firsts], answers, strict=False):
        assert ("errors" in answer) is (not _goes(payload, up=True)), payload.hex()
    for payload, answer in zip(firsts, answers[-256:], strict=True):
        assert ("errors" in answer) is (not _goes(payload, up=False)), payload.hex()


def _goes(payload: bytes, up: bool) -> bool:
    try:
        return (read_header(payload).kind is not MessageKind.COMMANDS) is up
    except ProtocolError:
        return False


@settings(max_examples=10, deadline=None)
@given(st.lists(st.binary(max_size=400), min_size=50, max_size=50), st.sampled_from(list(KINDS)))
def test_noise_is_handed_through_or_refused(noise, kind):
    payloads = [*noise, *(bytes([0x10 | KINDS[kind]]) + each for each in noise)]
    for payload, answer in zip(payloads, run(*map(up, payloads))["results"], strict=True):
        assert ("data" in answer) is _goes(payload, up=True)
        if "data" in answer:
            assert answer["data"]["hex"] == payload.hex()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "hex:"),
        ({}, "hex:"),
        ({"hex": 18}, "hex:"),
        ({"hex": "18000"}, "hex:"),
        ({"hex": "18zz"}, "hex:"),
        ({"hex": ""}, "message of 0 bytes"),
        ({"hex": VECTORS["messages"][0]["hex"]}, "observations: does not go down"),
        ({"hex": VECTORS["downlinks"][0]["hex"], "fPort": 224}, "fPort 224: 1 to 223"),
        ({"hex": VECTORS["downlinks"][0]["hex"], "fPort": 0}, "fPort 0"),
        ({"hex": VECTORS["downlinks"][0]["hex"], "fPort": "2"}, "fPort 2"),
    ],
    ids=str,
)
def test_what_is_no_downlink_is_not_encoded(data, says):
    (answer,) = run(("encodeDownlink", {"data": data}))["results"]
    assert says in answer["errors"][0]
    assert "bytes" not in answer


def test_a_downlink_goes_to_the_port_that_is_named_in_any_case_of_digits():
    one = VECTORS["downlinks"][0]["hex"]
    (answer,) = run(("encodeDownlink", {"data": {"hex": one.upper(), "fPort": 10}}))["results"]
    assert answer == {"bytes": list(bytes.fromhex(one)), "fPort": 10, "warnings": []}


def test_nodes_own_aes_ccm_opens_the_golden_vectors():
    generation = VECTORS["generation"].to_bytes(4, "big").hex()
    asked = []
    for vector in [*VECTORS["messages"], *VECTORS["downlinks"]]:
        payload, counter = vector["hex"], vector["counter"].to_bytes(4, "big").hex()
        direction = "55" if "highest" in vector else "44"
        nonce, start = f"{direction}{generation}00000000{counter}", 6
        if vector.get("kind") == "card_failed":
            nonce, start = f"46{generation}{payload[2:18]}", 18
        asked.append((VECTORS["key"], nonce, payload[:6], payload[start:]))
    bodies = [each["body"] for each in [*VECTORS["messages"], *VECTORS["downlinks"]]]
    assert run(ccm=tuple(asked))["bodies"] == bodies
