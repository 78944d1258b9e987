"""The units: what must hold in each, what systemd says of them, and the install script."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from trapnode.cli import CONFIG, PROCESSES
from trapnode.cli.crew import ENVIRONMENT
from trapnode.devices.line import CALL_LONGEST_S
from trapnode.errors import EXIT_CONFIG
from trapnode.keeper import STALE_S
from trapnode.store.consent import CONSENT, ORDER

RUN = "/run/trapnode"
FOLDER = Path(__file__).parents[1] / "systemd"
STICK = FOLDER / "trapnode-stick@.service"
POWEROFF = FOLDER / "trapnode-poweroff.service"
UNITS = sorted(set(FOLDER.glob("trapnode-*.service")) - {STICK, POWEROFF})
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")


def read(path):
    """Read a unit; a key given twice is an error, but where a list takes more or less."""
    unit = configparser.RawConfigParser()
    unit.optionxform = str
    text = path.read_text()
    unit.read_string(
        re.sub(r"^(DeviceAllow=|SystemCallFilter=~).*\n", "", text, flags=re.MULTILINE)
    )
    return unit


@pytest.fixture(params=UNITS, ids=lambda path: path.stem)
def unit(request):
    """Each of the units."""
    return read(request.param)


@pytest.fixture
def copies(tmp_path):
    """The units with a program that is there, as systemd wants it."""
    for path in [*UNITS, STICK, POWEROFF, FOLDER / "trapnode.target"]:
        text = path.read_text().replace("/usr/bin/trapnode", shutil.which("true"))
        (tmp_path / path.name).write_text(text)
    return tmp_path


def test_every_process_has_a_unit_that_starts_it():
    starts = [read(path)["Service"]["ExecStart"] for path in UNITS]
    assert starts == [f"/usr/bin/trapnode {name}" for name in sorted(PROCESSES)]


def test_the_loop_feeds_a_watchdog(unit):
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 60


def test_the_uplinkers_watchdog_outlives_the_longest_call():
    service = read(FOLDER / "trapnode-uplinker.service")["Service"]
    assert int(service["WatchdogSec"]) > CALL_LONGEST_S + 60


@pytest.mark.parametrize(("name", "silent_s"), STALE_S.items())
def test_what_a_watchdog_ended_is_never_said_to_live(name, silent_s):
    service = read(FOLDER / f"trapnode-{name}.service")["Service"]
    assert silent_s <= int(service["WatchdogSec"])


@pytest.mark.parametrize("name", PROCESSES)
def test_the_demo_and_the_bench_run_a_process_in_the_memory_of_its_unit(name):
    service = read(FOLDER / f"trapnode-{name}.service")["Service"]
    given = dict(each.split("=", 1) for each in service.get("Environment", "").split())
    found = {key: value for key, value in given.items() if key.startswith("MALLOC_")}
    assert found == ENVIRONMENT.get(name, {})


def test_a_fault_restarts_for_ever_but_a_wrong_configuration_waits_for_a_person(unit):
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["Restart"] == "on-failure"
    assert 1 <= int(unit["Service"]["RestartSec"]) <= 10
    assert unit["Service"]["RestartPreventExitStatus"] == str(EXIT_CONFIG)


def test_the_reboot_that_the_keeper_asks_for_is_watched_for():
    path = read(FOLDER / "trapnode-reboot.path")
    assert path["Path"] == {"PathExists": "/run/trapnode/reboot", "Unit": "reboot.target"}
    assert path["Install"]["WantedBy"] == "trapnode.target"


def test_the_power_goes_only_with_the_stations_consent(tmp_path):
    path = read(FOLDER / "trapnode-poweroff.path")
    assert path["Path"] == {"PathExists": f"{RUN}/{ORDER}", "Unit": POWEROFF.name}
    told = tmp_path / "told"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" > {told}\n')
    (tmp_path / "systemctl").chmod(0o755)
    ((command,),) = [lines_of(POWEROFF, "ExecStart")]
    script = command.removeprefix("/bin/sh -c '").removesuffix("'").replace(RUN, str(tmp_path))
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for consent in (False, True):
        (tmp_path / ORDER).touch()
        if consent:
            (tmp_path / CONSENT).touch()
        subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=60)
        assert not (tmp_path / ORDER).exists()  # Or the path unit would start it for ever.
        assert told.exists() is consent
    assert told.read_text() == "poweroff --force --force\n"


def test_the_keeper_may_use_the_power_board_and_nothing_else():
    service = FOLDER / "trapnode-keeper.service"
    assert lines_of(service, "DevicePolicy") == ["closed"]
    assert lines_of(service, "DeviceAllow") == ["char-gpiochip rw", "char-i2c rw"]
    rules = (FOLDER / "60-trapnode.rules").read_text()
    assert 'KERNEL=="rtc0"' in rules
    assert "/sys%p/wakealarm" in rules


def test_all_share_the_store_and_the_run_folder(unit):
    service = unit["Service"]
    assert service["User"] == service["Group"] == "trapnode"
    assert service["StateDirectory"] == service["RuntimeDirectory"] == "trapnode"
    assert service["RuntimeDirectoryPreserve"] == "yes"
    assert "DynamicUser" not in service


def test_nothing_waits_for_a_network_or_a_clock(unit):
    for key in ("After", "Wants", "Requires", "BindsTo"):
        named = unit["Unit"].get(key, "").split()
        assert all(name.startswith("trapnode-") for name in named)


def lines_of(path, key):
    """Give the values of a key, each time it is given."""
    return [
        line[len(key) + 1 :]
        for line in path.read_text().splitlines()
        if line[: len(key) + 1] == f"{key}="
    ]


def test_a_stick_is_unmounted_before_it_may_be_pulled_and_all_that_fails_goes_on():
    steps = {
        key: lines_of(STICK, key)
        for key in ("ExecStartPre", "ExecStart", "ExecStartPost", "ExecStopPost")
    }
    assert [[each.split()[0] for each in commands] for commands in steps.values()] == [
        ["+-/usr/bin/mount"],
        ["-/usr/bin/trapnode"],
        ["+-/usr/bin/umount", "-/usr/bin/trapnode"],
        ["+-/usr/bin/umount", "-/usr/bin/trapnode"],
    ]
    for (command,), said in zip(
        (steps["ExecStart"], steps["ExecStartPost"][1:], steps["ExecStopPost"][1:]),
        ("dump", "release", "gone"),
        strict=True,
    ):
        assert command == f"-/usr/bin/trapnode stick {said} /run/trapnode-stick/%I"
    mount = steps["ExecStartPre"][0].split()
    assert {"nosuid", "nodev", "noexec"} <= set(mount[mount.index("-o") + 1].split(","))
    assert mount[mount.index("-t") + 1] == "vfat,exfat"
    assert lines_of(STICK, "BindsTo") == ["dev-%i.device"]
    assert lines_of(STICK, "RemainAfterExit") == ["yes"]


def test_the_stick_runs_as_confined_as_the_others_and_yields_to_all():
    text = STICK.read_text()
    for wanted in (
        "User=trapnode",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=\n",
        "LimitCORE=0",
        "ProtectSystem=strict",
        "Nice=15",
        "IOSchedulingClass=idle",
    ):
        assert f"\n{wanted}" in text


def test_a_stick_is_known_by_its_label_and_starts_its_unit():
    rules = (FOLDER / "60-trapnode.rules").read_text()
    (rule,) = [line for line in rules.splitlines() if "ID_FS_LABEL" in line]
    assert 'ENV{ID_FS_LABEL}=="TRAPNODE"' in rule
    assert 'SUBSYSTEMS=="usb"' in rule
    assert 'ENV{SYSTEMD_WANTS}+="trapnode-stick@%k.service"' in rule


def test_station_and_keeper_wait_for_nobody_and_the_others_for_both():
    first = {"trapnode-station.service", "trapnode-keeper.service"}
    for path in UNITS:
        after = set(read(path)["Unit"].get("After", "").split())
        assert after == (set() if path.name in first else first)


def test_no_process_leaves_a_core_dump_or_gains_a_right(unit):
    service = unit["Service"]
    assert service["LimitCORE"] == "0"
    assert service["NoNewPrivileges"] == "yes"
    wanted = "CAP_SYS_TIME" if "uplinker" in service["ExecStart"] else ""
    assert service["CapabilityBoundingSet"] == wanted
    assert service.get("AmbientCapabilities", "") == wanted
    assert ("@clock" in service["SystemCallFilter"]) is bool(wanted)
    assert service["ProtectSystem"] == "strict"


def test_the_uplinker_may_use_the_modems_port_and_pins():
    service = read(FOLDER / "trapnode-uplinker.service")["Service"]
    assert service["SupplementaryGroups"].split() == ["dialout", "gpio"]
    assert service["WorkingDirectory"] == "%t/trapnode"  # lgpio's pipe.


def test_the_station_may_use_its_devices_and_dies_last():
    service = read(FOLDER / "trapnode-station.service")["Service"]
    assert service["SupplementaryGroups"].split() == ["gpio", "video", "i2c"]
    assert "PrivateDevices" not in service
    scores = {path.stem: int(read(path)["Service"].get("OOMScoreAdjust", 0)) for path in UNITS}
    assert min(scores, key=scores.get) == "trapnode-station"
    assert max(scores, key=scores.get) == "trapnode-sorter"


@needs_analyze
def test_systemd_finds_no_fault(copies):
    # Its exit status is 0 even for a wrong value: what it says is the result.
    said = subprocess.run(
        [ANALYZE, "verify", "--man=no", *sorted(map(str, copies.iterdir()))],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{copies}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    ours = [line for line in said.stderr.splitlines() if "trapnode" in line]
    assert ours == []


@needs_analyze
def test_systemd_would_find_a_fault(copies):
    path = copies / "trapnode-station.service"
    path.write_text(path.read_text().replace("on-failure", "sometimes"))
    said = subprocess.run(
        [ANALYZE, "verify", "--man=no", str(path)],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{copies}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "trapnode-station.service" in said.stderr


@needs_analyze
@pytest.mark.parametrize("path", [*UNITS, STICK], ids=lambda path: path.stem)
def test_systemd_calls_every_unit_well_confined(copies, path):
    said = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=15", str(copies / path.name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stdout  # 1.5 of 10.


def test_nothing_of_the_machine_dumps_core_and_its_own_watchdog_is_on(tmp_path):
    install(tmp_path)
    kernel = (tmp_path / "etc/sysctl.d/60-trapnode.conf").read_text()
    assert "\nkernel.core_pattern=|/bin/false\n" in kernel
    manager = read(tmp_path / "etc/systemd/system.conf.d/60-trapnode.conf")["Manager"]
    assert (manager["DumpCore"], manager["DefaultLimitCORE"]) == ("no", "0")
    assert int(manager["RuntimeWatchdogSec"]) <= 15  # What a Raspberry Pi's counter holds.


def test_a_barred_call_fails_and_does_not_kill_the_station():
    service = FOLDER / "trapnode-station.service"
    assert lines_of(service, "SystemCallErrorNumber") == ["EPERM"]
    assert lines_of(service, "RestrictAddressFamilies") == ["AF_UNIX AF_NETLINK"]


def install(destination, *arguments):
    """Run the install script into a folder."""
    return subprocess.run(
        ["sh", str(FOLDER / "install.sh"), *map(str, arguments)],
        env=os.environ | {"DESTDIR": str(destination)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def files(folder):
    """Give every file below a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def config(tmp_path):
    """A configuration to install."""
    path = tmp_path / "mine.toml"
    path.write_text('[unit]\nname = "AL07"\n')
    return path


def test_install_puts_everything_in_place_and_may_be_run_again(tmp_path, config):
    root = tmp_path / "root"
    assert install(root, config).returncode == 0
    found = files(root)
    assert found[CONFIG.lstrip("/")] == config.read_text()
    assert {name for name in found if name.endswith(".service")} == {
        f"etc/systemd/system/{path.name}" for path in [*UNITS, STICK, POWEROFF]
    }
    assert "etc/systemd/system/trapnode.target" in found
    assert "etc/udev/rules.d/60-trapnode.rules" in found
    assert install(root, config).returncode == 0
    assert install(root).returncode == 0
    assert files(root) == found


def test_only_the_unit_may_read_the_installed_configuration(tmp_path, config):
    install(tmp_path / "root", config)
    assert (tmp_path / "root" / CONFIG.lstrip("/")).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("text", "led"),
    [
        ('[unit]\nname = "AL07"\n', "ACT"),
        ('[other]\nled = "no"\n[stick]\nled = "ACT2" # ours\n[uplink]\nled = "no"\n', "ACT2"),
    ],
    ids=["default", "configured"],
)
def test_the_led_is_the_configured_one(tmp_path, config, text, led):
    config.write_text(text)
    root = tmp_path / "root"
    assert install(root, config).returncode == 0
    rules = (root / "etc/udev/rules.d/60-trapnode.rules").read_text()
    (rule,) = [line for line in rules.splitlines() if 'SUBSYSTEM=="leds"' in line]
    assert f'KERNEL=="{led}"' in rule


def test_an_led_that_udev_would_take_for_a_pattern_is_refused(tmp_path, config):
    config.write_text('[stick]\nled = "*"\n')
    refused = install(tmp_path / "root", config)
    assert refused.returncode == 1
    assert "stick.led = *: must be letters" in refused.stderr


def test_install_never_overwrites_a_configuration(tmp_path, config):
    root = tmp_path / "root"
    install(root, config)
    before = files(root)
    config.write_text('[unit]\nname = "AL08"\n')
    refused = install(root, config)
    assert refused.returncode == 1
    assert "is there and differs" in refused.stderr
    assert files(root) == before


def test_install_says_what_is_missing(tmp_path):
    refused = install(tmp_path / "root", tmp_path / "nowhere.toml")
    assert refused.returncode == 1
    assert re.fullmatch(r"install.sh: .*nowhere.toml: no such file\n", refused.stderr)
    assert not (tmp_path / "root").exists()
