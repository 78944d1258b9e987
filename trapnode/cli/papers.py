"""What the demo's unit and its desk are told, and what a researcher does with its card."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from trapnode.cli.keys import make_keys, recipients_toml

__all__ = ["CONFIG", "ORIGIN", "UNIT", "next_steps", "write_papers"]

ORIGIN = datetime(2026, 11, 21, 20, 30, tzinfo=UTC)  # Dawn on the Amur: UTC+10.
UNIT = "DEMO01"
CONFIG = """\
[unit]
name = "{unit}"
[paths]
state = "{out}/store"
run = "{out}/world"
[trigger]
camera_delay_s = 0
[burst]  # The replayed burst decides how many frames there are.
frames = 1
frames_max = 60
interval_s = 0.2
[modem]
port = "{out}/world/modem"
{modem}[uplink]
batch_s = 600
[power]
battery_wh = 2000  # It is always on, by a lorry's battery.
[console]
port = "{out}/world/console"
"""
MODEMS = {
    "sbd": "",
    "lorawan": """\
kind = "lorawan"  # A RAK3172.
region = "RU864"
dev_eui = "ac1f09fffe000001"
app_eui = "0000000000000001"
app_key = "00112233445566778899aabbccddeeff"  # Of a network that is simulated.
confirmed = true  # Nobody acknowledges in the demo but the network.
""",
}
DEPLOYMENTS = """\
# What the desk knows and the unit does not: the place. This one is invented.
[project]
title = "trapnode demo"
samplingDesign = "opportunistic"
contributors = [{{ title = "trapnode demo", role = "contact" }}]
licenses = [
    {{ name = "CC0-1.0", scope = "data" }},
    {{ name = "Apache-2.0", scope = "media", title = "each picture's own, see NOTICE" }},
]
[[deployment]]
unit = "{unit}"
deploymentID = "{unit}-2026"
locationID = "demo"
latitude = 43.5
longitude = 131.5
coordinateUncertainty = 50000
deploymentStart = {origin}
"""
SEASON = """\
[sorter]  # A season of an hour that has something of everything:
audit_share = 0.3  # a unit keeps one blank in fifty for audit,
targets = ["leopard", "small_carnivore"]  # and none of these pictures shows a leopard.
"""
WALK = """
What a researcher does with this card (README, "A researcher's walk"):
  {trapnode} dump {out}/laptop --from {out}/store --deployments {out}/deployments.toml
{unseal}  open {out}/laptop/index.html; press ? for the keys, s saves your answers
  {trapnode} audit {out}/laptop --labels {unit}-answers.csv
  {trapnode} individuals {out}/laptop --out {out}/wildbook
  {trapnode} purge {out}/laptop --from {out}/store"""


def write_papers(out: Path, sealed: bool, modem: str) -> tuple[Path, Path]:
    """Write the unit's configuration and the desk's file; give both. Raise UsageError.

    With `sealed` the desk makes two keys, and the unit gets their public halves.
    """
    config, deployments = out / "config.toml", out / "deployments.toml"
    told = CONFIG.format(unit=UNIT, out=out, modem=MODEMS[modem]) + SEASON
    if sealed:
        told += recipients_toml(make_keys([out / "park.key", out / "escrow.key"]))
    config.write_text(told, "utf-8")
    origin = ORIGIN.isoformat(timespec="seconds")
    deployments.write_text(DEPLOYMENTS.format(unit=UNIT, origin=origin), "utf-8")
    return config, deployments


def next_steps(out: Path, sealed: bool) -> str:
    """Say with which commands a researcher goes on."""
    called = sys.argv[0] if Path(sys.argv[0]).name == "trapnode" else "trapnode"
    folder = shlex.quote(str(out))
    unseal = f"  {called} unseal {folder}/laptop --key {folder}/park.key\n" if sealed else ""
    return WALK.format(trapnode=called, out=folder, unseal=unseal, unit=UNIT)
