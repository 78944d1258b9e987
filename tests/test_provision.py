"""Cards for many units: what each gets, what the desk gets, what is refused, the power cut."""

import errno
import tomllib
from datetime import date
from pathlib import Path

import pytest

from tests.faults import ForgetfulDisk, every_cut
from trapnode.age import new_key
from trapnode.cli import main
from trapnode.cli.provision import write_folder
from trapnode.config import Config, overlaid, parse, read
from trapnode.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE, StoreError, UsageError
from trapnode.policy import authorisation, session
from trapnode.receive import units
from trapnode.receive.provisioning import files, rows
from trapnode.receive.units import DeskFile
from trapnode.store.disk import RealDisk

IMEI = 300234010753370
TABLE = f"unit,modem\nAL07,{IMEI}\n"
LORA = (
    "unit,modem,modem.region,modem.app_eui,modem.app_key,carrier\n"
    "AL08,70b3d57ed0061234,AS923,0000000000000000,00112233445566778899001122334455,tts\n"
)


class Desk:
    """A desk's folder, and what provisioning says there."""

    def __init__(self, folder: Path, capsys) -> None:
        self.folder, self._capsys = folder, capsys

    def run(self, table: str, *more: str, out: str = "cards") -> tuple[int, str]:
        """Provision a table; give the exit code and the error."""
        (self.folder / "units.csv").write_text(table, "utf-8")
        code = main(
            ["provision", str(self.folder / "units.csv"), "--out", str(self.folder / out), *more]
        )
        return code, self._capsys.readouterr().err

    def config(self, unit: str, out: str = "cards") -> Config:
        return read(self.folder / out / unit / "config.toml")


@pytest.fixture
def desk(tmp_path, capsys):
    return Desk(tmp_path, capsys)


def made(table: str, old: DeskFile = DeskFile(), common: Config = Config()) -> dict[str, str]:  # noqa: B008
    """Provision in memory, with keys that count."""
    count = iter(range(1, 1000))
    return files(
        rows(table, "units.csv"),
        common,
        old,
        secret=None,
        today=date(2026, 12, 1),
        token=lambda size: next(count).to_bytes(size, "big").hex(),
    )


def test_two_hundred_units_each_with_a_good_configuration_that_the_desk_knows(desk):
    lines = [f"AL{number:03},{IMEI + number}" for number in range(200)]
    assert desk.run("\n".join(["unit,modem", *lines, ""])) == (0, "")
    known = {each.name: each for each in units.read(desk.folder / "cards" / "units.toml").units}
    assert len(known) == 200
    for name, unit in known.items():
        config = desk.config(name)
        assert config.unit.name == name
        assert (config.modem.kind, config.uplink.generation) == ("sbd", 1)
        assert bytes.fromhex(config.uplink.key) == unit.card(1).key.key
    assert main(["config", "check", "--config", f"{desk.folder}/cards/AL199/config.toml"]) == 0
    assert len({each.card(1).key.key for each in known.values()}) == 200


def test_only_the_owner_may_read_what_holds_keys(desk):
    desk.run(TABLE)
    found = {path.stat().st_mode & 0o777 for path in (desk.folder / "cards").rglob("*.toml")}
    assert found == {0o600}
    assert (desk.folder / "cards" / "AL07").stat().st_mode & 0o777 == 0o700


def test_a_deveui_makes_a_lorawan_unit_with_its_columns(desk):
    assert desk.run(LORA) == (0, "")
    modem = desk.config("AL08").modem
    assert (modem.kind, modem.dev_eui) == ("lorawan", "70B3D57ED0061234")
    assert (modem.region, modem.app_key) == ("AS923", "00112233445566778899001122334455")
    (unit,) = units.read(desk.folder / "cards" / "units.toml").units
    assert (unit.carrier, unit.device) == ("tts", "eui-70b3d57ed0061234")


def test_the_keys_for_sticks_and_consoles_are_those_of_the_parks_secret(desk):
    main(["stick", "new", str(desk.folder / "park.stick")])
    secret = bytes.fromhex((desk.folder / "park.stick").read_text().split("\n")[1])
    public = [new_key()[1], new_key()[1]]
    asked = ["--secret", str(desk.folder / "park.stick"), "--recipient", public[0]]
    assert desk.run(TABLE, *asked, "--recipient", public[1]) == (0, "")
    config = desk.config("AL07")
    assert config.sealing.recipients == tuple(public)
    assert config.stick.key == authorisation.unit_key(secret, "AL07").hex()
    assert config.console.key == session.unit_key(secret, "AL07").hex()


def test_what_units_have_in_common_is_in_each_and_a_column_comes_before_it(desk):
    (desk.folder / "common.toml").write_text(
        '[unit]\nutc_offset_min = 480\n[stick]\nled = "ACT2"\n[paths]\nstate = "/da\\"ta"\n'
    )
    table = f"unit;modem;unit.utc_offset_min\nAL07;{IMEI};\nAL08;{IMEI + 1};600\n"
    assert desk.run("\ufeff" + table, "--common", str(desk.folder / "common.toml")) == (0, "")
    assert [desk.config(each).unit.utc_offset_min for each in ("AL07", "AL08")] == [480, 600]
    assert desk.config("AL07").stick.led == "ACT2"
    assert desk.config("AL08").paths.state == '/da"ta'


def test_a_unit_provisioned_again_gets_the_next_generation_and_keeps_its_cards(desk):
    desk.run(f"unit,modem,generation\nAL07,{IMEI},7\nAL08,{IMEI + 1},\n")
    old = desk.folder / "cards" / "units.toml"
    old.write_text('[tts]\nurl = "https://eu1.example"\nkey = "a\\"b"\n' + old.read_text())
    before = units.read(old)
    table = f"unit,modem\nAL09,{IMEI + 2}\nAL07,{IMEI + 9}\n"
    assert desk.run(table, "--units", str(old), out="again") == (0, "")
    after = units.read(desk.folder / "again" / "units.toml")
    assert after.tts == before.tts
    assert [each.name for each in after.units] == ["AL07", "AL08", "AL09"]
    first = after.units[0]
    assert first.modem == str(IMEI + 9)
    assert [each.key.generation for each in first.cards] == [8, 7]  # Newest first.
    assert first.cards[1:] == before.units[0].cards
    assert after.units[1] == before.units[1]
    assert desk.config("AL07", "again").uplink.generation == 8


@pytest.mark.parametrize(
    "column", ["lat", "Latitude", "lon", "GPS", "x", "easting", "location", "широта", "坐标"]
)
def test_a_place_is_refused(desk, column):
    code, said = desk.run(f"unit,modem,{column}\nAL07,{IMEI},43.1\n")
    assert code == EXIT_USAGE
    assert f"column {column.lower()!r}: a place never goes to a unit" in said
    assert "43.1" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("", "must have a line of columns"),
        ("unit,modem\n", "must have a line of columns"),
        ("unit\nAL07\n", "column 'modem' is missing"),
        ("unit,modem,unit\nAL07,1,AL07\n", "column 'unit': is there twice"),
        ("unit,modem,height\nAL07,1,40\n", "column 'height': must be one of unit, modem"),
        ("unit,modem,uplink.key\nAL07,1,00\n", "column 'uplink.key': is made here"),
        (f"unit,modem\nAL 07,{IMEI}\n", "line 2: unit 'AL 07': must be 1 to 16"),
        (f"unit,modem\n../../etc,{IMEI}\n", "line 2: unit '../../etc': must be"),
        (f"unit,modem\nAL07,{IMEI},3\n", "line 2: has 3 cells, the first line 2"),
        ("unit,modem\nAL07,3.00234E+14\n", "line 2: modem '3.00234E+14': must be an IMEI"),
        (f"{TABLE}AL08,{IMEI}\n", f"line 3: modem {IMEI}: is in line 2 already"),
        (f"{TABLE}al07,{IMEI + 1}\n", "line 3: unit al07: is in line 2 already"),
        (f"unit,modem,generation\nAL07,{IMEI},0\n", "generation '0': must be 1 to 4294967295"),
        (f"unit,modem,carrier\nAL07,{IMEI},pigeon\n", "line 2: Invalid enum value 'pigeon'"),
        (f'unit,modem\n"AL07,{IMEI}\n', "not CSV"),
        (f"unit,modem\nAL07,{IMEI}\x00\n", "line 2"),
    ],
)
def test_a_bad_table_is_refused_with_line_value_and_limit_and_leaves_nothing(
    desk, table, complaint
):
    code, said = desk.run(table)
    assert code == EXIT_USAGE
    assert complaint in said
    assert said.count("\n") == 1
    assert not (desk.folder / "cards").exists()


def test_an_option_that_the_unit_would_refuse_is_refused_here(desk):
    code, said = desk.run(f"unit,modem,burst.frames\nAL07,{IMEI},99\n")
    assert code == EXIT_CONFIG
    assert "line 2: unit AL07: burst.frames = 99" in said
    code, said = desk.run("unit,modem\nAL08,70B3D57ED0061234\n")
    assert code == EXIT_CONFIG
    assert 'modem.app_eui: is empty, and kind "lorawan" needs it' in said


def test_another_units_modem_a_used_generation_and_a_shared_key_are_refused(desk):
    desk.run(TABLE)
    old = ["--units", str(desk.folder / "cards" / "units.toml")]
    assert (
        f"modem {IMEI}: is there twice" in desk.run(f"unit,modem\nAL08,{IMEI}\n", *old, out="b")[1]
    )
    again = f"unit,modem,generation\nAL07,{IMEI},1\n"
    assert "generation 1: must be more than 1" in desk.run(again, *old, out="b")[1]
    shared = overlaid(Config(), {"console.key": "0" * 64})
    with pytest.raises(UsageError, match=r"console.key is in the common configuration"):
        made(TABLE, common=shared)
    assert not (desk.folder / "b").exists()


def test_what_is_there_is_never_written_over(desk):
    desk.run(TABLE)
    before = desk.config("AL07")
    code, said = desk.run(TABLE)
    assert code == EXIT_USAGE
    assert "is there already" in said
    assert desk.config("AL07") == before


class FullDisk(RealDisk):
    """A disk that has no room from one operation on."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, path: Path, data: bytes) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data)


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_full_disk_leaves_nothing(tmp_path, room):
    with pytest.raises(StoreError, match=r"cards: cannot be written: .*No space left"):
        write_folder(FullDisk(room), tmp_path / "cards", made(f"{TABLE}AL08,{IMEI + 1}\n"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_error(desk):
    code, said = desk.run(TABLE, out="nowhere/cards")
    assert code == EXIT_FAILED
    assert "nowhere/cards: cannot be written" in said


WANTED = made(f"{TABLE}AL08,{IMEI + 1}\n")


def provisioned(folder, power):
    write_folder(power.disk, folder / "cards", WANTED)


def whole_or_not_there(folder, power):
    out = folder / "cards"
    if out.exists():
        assert {
            str(each.relative_to(out)): each.read_text() for each in out.rglob("*.toml")
        } == WANTED
    else:
        assert power.dead
        write_folder(RealDisk(), out, WANTED)  # What a cut left is in nobody's way.
        assert [each.name for each in folder.iterdir()] == ["cards"]


def test_a_power_cut_leaves_all_or_nothing(tmp_path):
    assert every_cut(tmp_path, None, provisioned, whole_or_not_there) > 10


def test_that_harness_finds_files_nobody_synced(tmp_path):
    with pytest.raises(AssertionError):
        every_cut(tmp_path, None, provisioned, whole_or_not_there, make_disk=ForgetfulDisk)


def test_every_text_is_toml_that_a_unit_or_the_desk_takes():
    for name, text in made(TABLE + f"AL08,{IMEI + 1}\n").items():
        assert tomllib.loads(text)
        if name.endswith("config.toml"):
            assert parse(text).unit.name == name.split("/")[0]
