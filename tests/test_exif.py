"""EXIF says when, with what and by which unit; never where, and never at a picture's cost."""

import json
from datetime import UTC, datetime
from io import BytesIO

import piexif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.fakes import BOOT, NOON, jpeg
from trapnode.model import Trigger
from trapnode.store.exif import Stamp, stamped

STAMP = Stamp("AL07", 600, "imx708", 42, Trigger(NOON, 12.5), BOOT)
NAME = "AL07.20261122T043000Z.000042.1"


def test_a_frame_carries_its_facts():
    fields = piexif.load(stamped(jpeg(7), NAME, 1, NOON.replace(microsecond=250_000), STAMP))
    exif = fields["Exif"]
    assert fields["0th"][piexif.ImageIFD.Make] == b"trapnode"
    assert exif[piexif.ExifIFD.DateTimeOriginal] == b"2026:11:22 14:30:00"
    assert exif[piexif.ExifIFD.OffsetTimeOriginal] == b"+10:00"
    assert exif[piexif.ExifIFD.SubSecTimeOriginal] == b"250"
    assert exif[piexif.ExifIFD.BodySerialNumber] == b"AL07"
    assert exif[piexif.ExifIFD.ImageUniqueID] == NAME.encode()
    comment = json.loads(exif[piexif.ExifIFD.UserComment][8:])
    assert (comment["sequence"], comment["frame"], comment["clock"]) == (42, 1, "rtc")
    assert not fields["GPS"], "a thief learns no place"


@pytest.mark.parametrize(("offset", "told"), [(-210, b"-03:30"), (0, b"+00:00"), (840, b"+14:00")])
def test_the_offset_of_the_deployment_is_told(offset, told):
    stamp = Stamp("AL07", offset, "imx708", 42, Trigger(NOON, 0.0), BOOT)
    exif = piexif.load(stamped(jpeg(), NAME, 1, NOON, stamp))["Exif"]
    assert exif[piexif.ExifIFD.OffsetTimeOriginal] == told


def test_pixels_are_not_touched():
    before, after = (
        Image.open(BytesIO(data)) for data in (jpeg(3), stamped(jpeg(3), NAME, 1, NOON, STAMP))
    )
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("year", [1970, 2016, 2038, 2105])
def test_a_mad_clock_costs_no_frame(year):
    at = datetime(year, 1, 20, 3, 14, 8, tzinfo=UTC)
    assert piexif.load(stamped(jpeg(), NAME, 1, at, STAMP))["Exif"]


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1"]),
)
def test_what_cannot_be_stamped_comes_back_as_it_is_or_stamped(noise, start):
    data = start + noise
    assert len(stamped(data, NAME, 1, NOON, STAMP)) >= len(data)


@pytest.mark.parametrize("cut", range(0, len(jpeg()), 7))
def test_a_torn_picture_comes_back_whatever_it_is(cut):
    assert stamped(jpeg()[:cut], NAME, 1, NOON, STAMP)[-20:] == jpeg()[:cut][-20:]
