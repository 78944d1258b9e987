"""Battery gauge and thermometer on a /sys made of files."""

import pytest

from trapnode.devices.battery import HwmonBattery, SuppliedBattery, Thermometer


@pytest.fixture
def hwmon(tmp_path):
    """Two chips, as the kernel shows them."""
    for number, name, files in (
        (0, "cpu_thermal", {"temp1_input": "41318"}),
        (1, "ina219", {"in0_input": "3", "in1_input": "7412", "curr1_input": "131"}),
    ):
        chip = tmp_path / f"hwmon{number}"
        chip.mkdir()
        (chip / "name").write_text(f"{name}\n")
        for file, text in files.items():
            (chip / file).write_text(f"{text}\n")
    return tmp_path


def test_the_gauge_is_found_by_its_name(hwmon):
    battery = HwmonBattery("ina219", hwmon)
    assert battery.millivolts() == 7412
    assert battery.fault == ""


def test_no_gauge_is_no_fault(hwmon):
    battery = HwmonBattery("", hwmon)
    assert battery.millivolts() is None
    assert battery.fault == ""


def test_a_missing_gauge_is_a_fault_that_ends_when_it_is_there(hwmon):
    battery = HwmonBattery("ina226", hwmon)
    assert battery.millivolts() is None
    assert battery.fault == f"battery gauge ina226 is not in {hwmon}"
    (hwmon / "hwmon1" / "name").write_text("ina226\n")
    assert battery.millivolts() == 7412
    assert battery.fault == ""


@pytest.mark.parametrize("text", ["", "NaN\n", "7.4\n", "\xff"])
def test_a_gauge_that_talks_nonsense_is_a_fault(hwmon, text):
    (hwmon / "hwmon1" / "in1_input").write_text(text, "latin-1")
    battery = HwmonBattery("ina219", hwmon)
    assert battery.millivolts() is None
    assert battery.fault.startswith("battery gauge ina219 cannot be read: ")


def test_a_gauge_that_went_away_is_a_fault(hwmon):
    (hwmon / "hwmon1" / "in1_input").unlink()
    battery = HwmonBattery("ina219", hwmon)
    assert battery.millivolts() is None
    assert "No such file" in battery.fault


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        ("0\n", ""),
        ("50005\n", "power: under-voltage now"),
        ("50000\n", "power: under-voltage since this boot"),
        ("80000\n", ""),  # Only warm.
        (None, ""),
        ("nonsense", ""),
    ],
)
def test_what_the_board_noticed_of_its_5_v_is_told_beside_the_gauge(hwmon, bits, said):
    throttled = hwmon / "get_throttled"
    if bits is not None:
        throttled.write_text(bits)
    battery = SuppliedBattery(HwmonBattery("ina219", hwmon), throttled)
    assert (battery.millivolts(), battery.fault) == (7412, said)
    without = SuppliedBattery(HwmonBattery("ina226", hwmon), throttled)
    assert without.millivolts() is None
    assert without.fault.startswith("battery gauge ina226 is not in")
    assert without.fault.endswith(said)


@pytest.mark.parametrize(("text", "celsius"), [("41318\n", 41.318), ("-28750\n", -28.75)])
def test_the_thermometer_reads_thousandths(tmp_path, text, celsius):
    path = tmp_path / "temp"
    path.write_text(text)
    assert Thermometer(path).celsius() == celsius


@pytest.mark.parametrize("text", [None, "", "warm"])
def test_no_thermometer_gives_none(tmp_path, text):
    path = tmp_path / "temp"
    if text is not None:
        path.write_text(text)
    assert Thermometer(path).celsius() is None
