"""`trapnode receive` as people run it: real processes, a real port, kill -9 and back."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.receiving import IMEI, NEW, TOKEN, a_message, rockblock
from trapnode.cli import main
from trapnode.message.downlink import Ack, SendStatus, read_commands
from trapnode.message.sealing import open_downlink

UNITS = f"""
[receive]
token = "{TOKEN}"
[folder]
path = "{{folder}}"
[[unit]]
name = "AL07"
modem = "{IMEI}"
carrier = "folder"
[[unit.card]]
generation = 2
key = "{NEW.key.hex()}"
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "units.toml").write_text(UNITS.format(folder=tmp_path / "down"), "utf-8")
    return tmp_path


def ours(desk: Path) -> list[str]:
    return ["--units", str(desk / "units.toml"), "--database", str(desk / "receive.db")]


@contextmanager
def served(desk: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Serve on a free port; give where webhooks go."""
    line = [sys.executable, "-m", "trapnode", "receive", "serve", "--listen", "127.0.0.1:0"]
    with (desk / "log").open("ab") as log:
        process = subprocess.Popen(
            [*line, *ours(desk)], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    found = re.fullmatch(r"listening on 127.0.0.1:(\d+)\n", process.stdout.readline())
    assert found, (desk / "log").read_text("utf-8")
    try:
        yield f"http://127.0.0.1:{found[1]}/{TOKEN}/rockblock", process
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


def post(url: str, told: object) -> tuple[int, str]:
    request = urllib.request.Request(
        url, json.dumps(told).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_season_in_a_minute(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(desk) as (url, process):
        assert post(url, rockblock(a_message(1), 1)) == (200, "stored\n")
        assert post(url, rockblock(a_message(1), 1)) == (200, "had it\n")
        assert post(url.replace(TOKEN, "x" * 32), rockblock(a_message(2)))[0] == 404
        assert post(url, "x" * 100_000)[0] == 413
        process.send_signal(signal.SIGKILL)
    with served(desk) as (url, process):
        assert post(url, rockblock(a_message(1), 1)) == (200, "had it\n")
        assert post(url, rockblock(a_message(2), 2)) == (200, "stored\n")
        assert main(["receive", "command", "AL07", "status", *ours(desk)]) == 0
        assert main(["receive", "send", "--once", *ours(desk)]) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    (downlink,) = (desk / "down").iterdir()
    _, body = open_downlink(bytes.fromhex(downlink.read_text("ascii")), NEW, 0)
    assert read_commands(body) == (Ack(2, 1), SendStatus())
    capsys.readouterr()
    assert main(["receive", "units", *ours(desk)]) == 0
    assert "AL07: heard" in capsys.readouterr().out
    assert main(["receive", "units", "--json", *ours(desk)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["observations"] == 2
    assert main(["receive", "command", "AL07", "list", *ours(desk)]) == 0
    assert re.search(r"SendStatus\(\): downlink \d+ sent", capsys.readouterr().out)
    told = desk / "told.csv"
    assert main(["receive", "export", "--csv", str(told), *ours(desk)]) == 0
    assert len(told.read_text("utf-8").splitlines()) == 3
    assert main(["receive", "previews", "--out", str(desk / "previews"), *ours(desk)]) == 0
    assert main(["receive", "open", *ours(desk)]) == 0


def test_a_unit_that_is_written_down_while_it_serves_is_opened(desk: Path) -> None:
    good = (desk / "units.toml").read_text("utf-8")
    (desk / "units.toml").write_text(good.replace(IMEI, "300234010753399"), "utf-8")
    with served(desk) as (url, _):
        post(url, rockblock(a_message(1), 1))
        (desk / "units.toml").write_text(good, "utf-8")
        os.utime(desk / "units.toml", (time.time(), time.time() + 1))
        post(url, rockblock(a_message(2), 2))
        log = (desk / "log").read_text("utf-8")
        assert "modem of no unit" in log
        assert "AL07 1: opened observations leopard" in log
        assert "AL07 2: opened observations leopard" in log
    assert NEW.key.hex() not in log
    assert TOKEN not in log


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["serve", "--listen", "nowhere"], 2, "--listen nowhere: must be HOST:PORT"),
        (["command", "ZZ99", "status"], 2, "ZZ99: "),
        (["command", "AL07", "jump"], 2, "jump: one of: status"),
        (["export"], 2, "give --csv FILE, --geojson FILE or both"),
        (["export", "--csv", "x", "--grid", "1"], 2, "--grid: goes with --public"),
    ],
)
def test_what_is_wrong_gets_one_line(
    desk: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert main(["receive", *words, *ours(desk)]) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert says in said[-1]


def test_a_port_that_strangers_reach_needs_a_token(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = desk / "units.toml"
    units.write_text(units.read_text("utf-8").replace(TOKEN, ""), "utf-8")
    assert main(["receive", "serve", "--listen", "0.0.0.0:0", *ours(desk)]) == 2
    assert "set receive.token first" in capsys.readouterr().err
