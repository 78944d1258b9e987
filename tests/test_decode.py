"""`trapnode decode`: what a message says in clear, what it tells to who has the key, and errors."""

import json
from pathlib import Path

import pytest

from trapnode.cli import main

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text("utf-8"))
KEY = ["--key", VECTORS["key"], "--generation", str(VECTORS["generation"])]
UP = {each["name"]: each for each in VECTORS["messages"]}
DOWN = {each["name"]: each for each in VECTORS["downlinks"]}
ONE = UP["one leopard"]["hex"]


def decoded(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["decode", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_without_a_key_the_header_is_told_and_that_the_body_is_sealed(capsys):
    assert decoded(capsys, ONE) == {
        "version": 1,
        "kind": "observations",
        "counter16": 1,
        "sealed": "22 bytes: --key and --generation open them",
    }


def test_with_the_key_an_observation_is_told(capsys):
    found = decoded(capsys, ONE[:8] + " " + ONE[8:], *KEY)
    assert found["counter"] == 1
    assert found["observations"] == UP["one leopard"]["told"]
    assert "sealed" not in found


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda each: each["name"])
def test_every_kind_is_told_under_its_name_and_nothing_else(vector, capsys):
    found = decoded(capsys, vector["hex"], *KEY, "--highest", str(vector["highest"]))
    assert found["kind"] == vector["kind"]
    if vector["kind"] == "card_failed":
        assert "counter" not in found, "a random number is no counter"
    else:
        assert found["counter"] == vector["counter"]
    more = set(found) - {"version", "kind", "counter16", "counter"}
    assert more == {"card_failure" if vector["kind"] == "card_failed" else vector["kind"]}
    if vector["kind"] in ("observations", "card_failed", "suppressed", "fragment"):
        assert found[more.pop()] == vector["told"]


def test_faults_answers_and_commands_are_told_in_words(capsys):
    status = UP["a status that came late"]
    found = decoded(capsys, status["hex"], *KEY, "--highest", str(status["highest"]))
    assert found["status"]["faults"] == ["CARD", "CLOCK"]  # type: ignore[index]
    answer = UP["an answer"]
    found = decoded(capsys, answer["hex"], *KEY, "--highest", str(answer["highest"]))
    assert found["answer"] == {
        "downlink": 9,
        "outcomes": [
            {"command": "send status", "result": "applied"},
            {"command": "set", "result": "applied", "setting": "uplink.batch_s", "value": 7200},
            {
                "command": "set",
                "result": "out_of_range",
                "setting": "keeper.status_hour",
                "value": 2,
            },
            {"command": "set", "result": "unknown", "setting": "unknown 99", "value": 0},
            {"command": "reboot", "result": "refused"},
            {"command": "unknown 77", "result": "unknown"},
        ],
    }
    found = decoded(capsys, DOWN["an ack"]["hex"], *KEY)
    assert found["commands"] == [{"command": "ack", "highest": 65542, "bitmap": 0x8000000000000005}]
    each = DOWN["each command, after the 16 bits wrapped"]
    found = decoded(capsys, each["hex"], *KEY, "--highest", "9")
    assert found["counter"] == 65536
    assert found["commands"] == [
        {"command": "send status"},
        {"command": "send preview", "sequence": 42, "offset": 1000, "length": 0},
        {"command": "set", "setting": "uplink.batch_s", "value": 7200},
        {"command": "set", "setting": "trigger.camera_delay_s", "value": -0.001},
        {"command": "set time", "at": "2026-11-22T04:30:00+00:00"},
        {"command": "reboot"},
    ]
    newer = DOWN["a command newer than this, which ends the reading"]
    found = decoded(capsys, newer["hex"], *KEY, "--highest", "65599")
    assert found["commands"][-1] == {"command": "unknown 77"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["xyz"], 2, "HEX 'xyz' is not hex"),
        (["52420000" + "00" * 20], 1, "version 5"),
        ([ONE[:20]], 1, "message of 10 bytes: 12 at least"),
        ([ONE, "--key", VECTORS["key"]], 2, "--key and --generation: one goes with the other"),
        ([ONE, "--generation", "7"], 2, "--key and --generation: one goes with the other"),
        ([ONE, "--generation", "7", "--key", "secret!"], 2, "--key is not hex"),
        ([ONE, "--generation", "7", "--key", "ab"], 2, "radio key of 1 bytes: 16 expected"),
        ([ONE, "--generation", "0", "--key", "00" * 16], 2, "card generation 0"),
        ([ONE, "--generation", "7", "--key", VECTORS["key"]], 1, "not sealed by this card"),
        ([ONE, *KEY, "--highest", "999999"], 1, "at a counter near 999999"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_bad_input_gets_one_clear_line(arguments, code, says, capsys):
    assert main(["decode", *arguments]) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert says in said[-1]
    assert said[-1].startswith("trapnode decode: ")
    assert "secret" not in said[-1]
