"""The simulated unit at a desk: the terminal as its cable."""

import os
import tty

import pytest

from trapnode.cli import main
from trapnode.cli.practice import relay


def test_what_is_typed_goes_over_the_cable_and_keys_do_their_own() -> None:
    typed, keyboard = os.pipe()
    theirs, ours = os.openpty()
    screen, shown = os.pipe()
    tty.setraw(ours)
    walked: list[str] = []
    os.write(keyboard, b"sta\x17tus\r\x03")
    os.close(keyboard)  # The end of the typing, as LEAVE is.
    os.write(ours, b"AL07")
    relay(typed, shown, theirs, {b"\x17": lambda: walked.append("to and fro")})
    assert walked == ["to and fro"]
    assert os.read(ours, 100) == b"status\r\x03"
    assert os.read(screen, 100) == b"AL07"
    for each in (typed, theirs, ours, screen, shown):
        os.close(each)


def test_ctrl_bracket_pulls_the_cable() -> None:
    typed, keyboard = os.pipe()
    theirs, ours = os.openpty()
    os.write(keyboard, b"status\r\x1d")
    relay(typed, theirs, theirs, {})
    for each in (typed, keyboard, theirs, ours):
        os.close(each)


def test_a_pipe_is_no_cable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["practise", "--out", "/nowhere"]) == 2
    assert "this terminal is the cable" in capsys.readouterr().err
