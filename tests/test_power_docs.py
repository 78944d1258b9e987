"""hardware/power.md says what the model says."""

import re
from pathlib import Path

import pytest

from trapnode.cli import main
from trapnode.config import Config
from trapnode.policy.energy import Powers, day_mwh, usable_mwh
from trapnode.policy.power import ENTER
from trapnode.words import Stage

PAGE = Path(__file__).parents[1] / "hardware" / "power.md"
STOCK, TUNED, PI5 = Powers(), Powers(boot=411.0, idle=375.0), Powers(off=17.5)
PROFILES = (
    ("`always_on`, stock", STOCK, False, 0.0),
    ("`always_on`, tuned", TUNED, False, 0.0),
    ("`gated`, stock boot of 12 s", STOCK, True, 12.0),
    ("`gated`, tuned boot of 3.5 s", TUNED, True, 3.5),
    ("`gated`, Pi 5, stock boot", PI5, True, 12.0),
)


def days():
    """List the rows of the table."""
    for name, powers, gated, boot_s in PROFILES:
        for events in (5, 30, 100):
            mwh = day_mwh(powers, gated=gated, linger_s=15.0, boot_s=boot_s, events=events)
            warm, cold = (usable_mwh(63.0, celsius) / mwh for celsius in (20.0, -30.0))
            yield f"| {name} | {events} | {mwh:.0f} | {warm:.1f} | {cold:.1f} |"


def test_the_table_of_days_is_the_models():
    table = PAGE.read_text("utf-8").split("<!-- days -->")[1].split("<!-- /days -->")[0]
    assert [line for line in table.splitlines() if line.startswith("| `")] == list(days())


@pytest.mark.parametrize("name", Powers.__dataclass_fields__)
def test_the_table_of_powers_has_the_defaults(name):
    default = getattr(Powers(), name)
    assert getattr(Config().power, f"{name}_mw") == default
    assert f"| `power.{name}_mw` | {default:g} mW |" in PAGE.read_text("utf-8")


def test_the_table_of_stages_has_the_policys_shares():
    text = PAGE.read_text("utf-8")
    for stage in Stage:
        share = f"{ENTER[stage] * 100:g} %" if stage in ENTER else ""
        assert f"| `{stage.value}` | {share}{' ' if share else ''}|" in text


def test_bring_up_numbers_its_steps_and_its_commands_are_ours():
    text = (PAGE.parent / "bring-up.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(len(re.split(r"(?<!\\)\|", row)) == 5 for row in rows)
    verbs = set(re.findall(r"`(?:sudo -u trapnode )?trapnode ([a-z]+)", text))
    assert verbs <= {"config", "status", "model", "uplinker", "classify"}
    for verb in verbs:
        with pytest.raises(SystemExit, match=r"^0$"):
            main([verb, "--help"])


def test_the_pages_link_to_what_is_there():
    for page in PAGE.parent.glob("*.md"):
        for target in re.findall(r"\]\(([^)#h]+\.(?:md|toml))", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
