"""Each process starts on twins, says that it lives, ends cleanly, and loads nothing it need not."""

import contextlib
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sealed import RECIPIENTS, open_picture
from trapnode.cli.demo import folders_of, own
from trapnode.cli.judges import models
from trapnode.sim.scene import show
from trapnode.sim.world import World
from trapnode.store.copies import leaves_ram
from trapnode.store.ram import read_beats, read_snapshot
from trapnode.store.repair import is_whole_jpeg

HEAVY = {
    "numpy",
    "ai_edge_litert",
    "tflite_runtime",
    "picamera2",
    "gpiozero",
    "PIL",
    "asyncio",
    "cryptography",
    "pyrage",
}
PARSER = {"argparse", "gettext"}  # Of all commands; 1 MiB.
LARGE = {"_hashlib", "hashlib", "hmac", "secrets", "random", "tempfile", "subprocess"}  # 5 MiB.
NEEDS = {
    "station": {"PIL"},  # The replay camera of the twins makes previews with it.
    "sorter": {"numpy", "PIL", "ai_edge_litert", "tflite_runtime", *LARGE},
    "uplinker": {"cryptography"},
    "keeper": set(),
    "console": set(),
}
PROGRAM = """
import json, sys
from trapnode.cli import main
code = main(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""
WITHIN_S = 30.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.create(tmp_path / "world", datetime(2026, 11, 22, tzinfo=UTC), 60.0, "boot")


def config(world: World, extra: str = "") -> Path:
    path = world.folder.parent / "config.toml"
    path.write_text(
        f'[paths]\nstate = "{world.folder.parent}/store"\nrun = "{world.folder}"\n'
        f'[modem]\nport = "{world.modem}"\n[console]\nport = "{world.console}"\n{extra}',
        "utf-8",
    )
    return path


def start(name: str, world: World, configuration: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", PROGRAM, name),
            *("--config", str(configuration), "--twins", str(world.folder)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def watch(process: subprocess.Popen[str]) -> Iterator[None]:
    """Come round a few times a second while a process lives, for a bounded time."""
    for _ in range(round(WITHIN_S / 0.05)):
        assert process.poll() is None, process.communicate()[1]
        yield
        select.select([], [], [], 0.05)
    raise AssertionError(f"nothing after {WITHIN_S} s")


def end(process: subprocess.Popen[str]) -> dict[str, object]:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=WITHIN_S)
    assert out, err
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", NEEDS)
def test_a_process_loads_nothing_heavy_that_it_does_not_need(name: str, world: World) -> None:
    process = start(name, world, config(world))
    for _ in watch(process):
        if any(beat.process == name for beat in read_beats(world.folder)):
            break
    ended = end(process)
    assert ended["code"] == 0
    assert (HEAVY | LARGE | PARSER) & set(ended["modules"]) <= NEEDS[name]  # type: ignore[call-overload]


def test_the_command_line_alone_loads_nothing_heavy() -> None:
    code = "import sys, trapnode.cli; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in out.stdout.split()}
    assert not loaded & (HEAVY | LARGE | {"msgspec", "sqlite3", "serial", "piexif"})


def test_a_broken_configuration_still_runs_and_is_reported(world: World) -> None:
    good = config(world)
    keeper = start("keeper", world, good)  # Remembers the good one.
    for _ in watch(keeper):
        if read_snapshot(world.folder):
            break
    end(keeper)
    (world.folder / "status.json").unlink()
    good.write_text(good.read_text("utf-8") + "\n[trigger]\npir_pin = 99\n", "utf-8")
    keeper = start("keeper", world, good)
    for _ in watch(keeper):
        if snapshot := read_snapshot(world.folder):
            break
    assert end(keeper)["code"] == 0
    faults = " ".join(str(fault) for fault in snapshot["faults"])  # type: ignore[attr-defined]
    assert "pir_pin = 99" in faults
    assert "last good" in faults


def test_ready_and_watchdog_pings_reach_systemd(world: World, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WITHIN_S)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            process = start("keeper", world, config(world))
        finally:
            del os.environ["NOTIFY_SOCKET"]
        said = [systemd.recv(64), systemd.recv(64)]
        end(process)
    assert said == [b"READY=1", b"WATCHDOG=1"]


def test_a_truncated_model_and_a_broken_configuration_cost_no_picture(
    world: World, tmp_path: Path
) -> None:
    for path in (*models().glob("*.json"), *models().glob("*.tflite")):
        shutil.copy(path, tmp_path)
    for path in tmp_path.glob("*.tflite"):
        path.write_bytes(path.read_bytes()[:100_000])
    good = config(world, f'[sorter]\nmodel = "{tmp_path}/amur.json"\n')
    (world.folder / "last-good.toml").write_bytes(good.read_bytes())
    good.write_text("[trigger]\npir_pin = 'seventeen'\n", "utf-8")
    processes = [start(name, world, good) for name in ("station", "sorter", "keeper")]
    burst = folders_of(own())[1]
    for _ in watch(processes[0]):
        if show(world.folder, burst):
            break
    for _ in watch(processes[2]):
        snapshot = read_snapshot(world.folder)
        if snapshot and snapshot["unclassified"] == 1:
            break
    for process in processes:
        assert end(process)["code"] == 0
    faults = " ".join(str(fault) for fault in snapshot["faults"])  # type: ignore[index]
    assert "no classifier, every sequence is kept" in faults
    assert "100000" in faults or "sha256" in faults or "bytes" in faults
    assert "pir_pin" in faults
    kept = [p for p in (tmp_path / "store" / "archive").rglob("*.jpg") if "preview" not in p.name]
    assert len(kept) >= 3


def test_a_unit_with_keys_seals_and_sorts(card: Path) -> None:
    """The real station and sorter, with their copies in RAM."""
    if leaves_ram(card):
        pytest.skip(leaves_ram(card))
    world = World.create(card / "world", datetime(2026, 11, 22, tzinfo=UTC), 60.0, "boot")
    keys = f"[sealing]\nrecipients = {json.dumps(RECIPIENTS)}\n"
    processes = [start(name, world, config(world, keys)) for name in ("station", "sorter")]
    for _ in watch(processes[0]):
        if show(world.folder, folders_of(own())[1]):
            break
    for _ in watch(processes[0]):
        if (card / "store" / "trapnode.db").exists() and _verdicts(card / "store"):
            break
    assert [end(process)["code"] for process in processes] == [0, 0]
    assert "unclassified" not in _verdicts(card / "store")
    files = [path for path in (card / "store" / "archive").rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert all(path.name.endswith(".age") for path in files)
    assert is_whole_jpeg(open_picture(files[0]))
    assert not list((world.folder / "copies").iterdir())


def _verdicts(state: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(state / "trapnode.db")) as rows:
        try:
            return [label for (label,) in rows.execute("SELECT label FROM observation")]
        except sqlite3.OperationalError:  # Not made yet.
            return []
