"""The demo's pictures: each has its licence in NOTICE, none tells more than it shows."""

import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "trapnode" / "sim" / "pictures"
FOLDERS = sorted(path for path in PICTURES.iterdir() if path.is_dir())
FRAMES = sorted(PICTURES.rglob("*.jpg"))
ROW = re.compile(r"^\| `trapnode/sim/pictures/(\w+)/` \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.M)
LICENCES = ("CC0 1.0", "CC BY 4.0", "MIT", "public domain")
MOST_BYTES = 5 * 1024 * 1024  # what a clone and a wheel may pay for the demo
HARMLESS = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "comment"}

rows = {
    name: (source, licence) for name, source, licence in ROW.findall((ROOT / "NOTICE").read_text())
}


def name(path: Path) -> str:
    return path.relative_to(PICTURES).as_posix()


def test_notice_names_every_burst_and_no_other():
    assert sorted(rows) == [folder.name for folder in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_burst_has_a_package_as_source_and_a_licence_that_lets_us_hand_it_on(folder):
    source, licence = rows[folder.name]
    assert "package" in source or "the same as" in source
    assert licence.startswith(LICENCES)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_burst_holds_its_frames_in_order_and_nothing_else(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert 3 <= len(names) <= 6
    assert names == [f"{number}.jpg" for number in range(1, len(names) + 1)]


@pytest.mark.parametrize("frame", FRAMES, ids=name)
def test_a_frame_decodes_and_carries_no_metadata_but_the_pointer_to_notice(frame):
    with Image.open(frame) as image:
        image.load()
        assert image.format == "JPEG"
        assert image.size == (960, 720)
        assert not image.getexif()
        assert set(image.info) <= HARMLESS
        assert image.info["comment"].endswith(b"see NOTICE of trapnode.")


def test_the_bursts_stay_small():
    assert sum(frame.stat().st_size for frame in FRAMES) <= MOST_BYTES
