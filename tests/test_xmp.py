"""The segment of keywords: put in, read by others, taken out again."""

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from tests.archives import NOON, jpeg
from tests.test_exif import NAME, STAMP
from trapnode.dump.xmp import MARK, place_in, segment_of, without
from trapnode.store.exif import stamped

WRITTEN = stamped(jpeg("exif"), NAME, 1, NOON, STAMP)
SUBJECTS = ("Species|Panthera pardus", "Label|<a&b>")


def put(picture: bytes, segment: bytes) -> bytes:
    at = place_in(picture)
    assert at is not None
    return picture[:at] + segment + picture[at:]


@pytest.mark.parametrize("picture", [jpeg("jfif"), WRITTEN])
def test_a_picture_keeps_every_byte_and_every_pixel(picture):
    marked = put(picture, segment_of(SUBJECTS, rated=True))
    assert without(marked) == picture
    pixels = [Image.open(io.BytesIO(each)).tobytes() for each in (picture, marked)]
    assert pixels[0] == pixels[1]
    assert Image.open(io.BytesIO(marked)).getexif() == Image.open(io.BytesIO(picture)).getexif()


def test_another_program_reads_the_keywords():
    # Not its `xmp`: Debian 12's Pillow has none.
    segments = Image.open(io.BytesIO(put(WRITTEN, segment_of(SUBJECTS, rated=True)))).applist
    (packet,) = [data for _, data in segments if b"<x:" in data]
    tree = ElementTree.fromstring(packet[packet.index(b"<x:") : packet.rindex(b"<?xpacket")])
    assert [each.text for each in tree.iter() if each.tag.endswith("}li")] == [
        "Panthera pardus",
        "<a&b>",
        *SUBJECTS,
    ]


def test_what_has_xmp_or_is_no_jpeg_is_left_alone():
    marked = put(jpeg("a"), segment_of(SUBJECTS))
    assert place_in(marked) is None
    for other in (b"", b"\xff", b"age-encryption.org/v1\n", b"\x89PNG"):
        assert place_in(other) is None
        assert without(other) == other
    strangers = marked.replace(MARK, MARK.replace(b"trapnode", b"somebody"))
    assert without(strangers) == strangers


def test_a_torn_head_takes_it_before_what_is_torn():
    picture = WRITTEN
    assert place_in(picture[:30]) == 2


def test_a_label_too_long_for_a_segment_costs_the_keywords_and_no_picture():
    assert segment_of(("Label|" + "a" * 70_000,)) == b""
