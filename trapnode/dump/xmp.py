"""XMP in a dumped JPEG: what it shows, as keywords that digiKam, Lightroom and camtrapR read.

Embedded, not in a sidecar: Lightroom and Timelapse read no sidecar of a JPEG, camtrapR asks
ExifTool about the picture itself, digiKam has its sidecars off. The packet is a segment of its
own (APP1, XMP specification part 3, 1.1.3) behind the EXIF; every byte that the unit wrote stays
where it was, and without the segment the file is the card's again: `without`.

    lr:hierarchicalSubject   Species|Panthera pardus, Observation|animal, Review|audit sample, ...
    dc:subject               the last word of each, for tools that know no trees
    xmp:Rating               5 on the picture to identify the individual by
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from xml.sax.saxutils import escape

__all__ = ["place_in", "segment_of", "with_segment", "without"]

SOI = b"\xff\xd8"
APP0, APP1 = b"\xff\xe0", b"\xff\xe1"
SIGNATURE = b"http://ns.adobe.com/xap/1.0/\x00"
LARGEST = 0xFFFF - 2 - len(SIGNATURE)
MARK = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='trapnode'>"  # Ours, and nobody else's.
PACKET = """<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>\n{mark}
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'
 xmlns:lr='http://ns.adobe.com/lightroom/1.0/' xmlns:xmp='http://ns.adobe.com/xap/1.0/'{rating}>
<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>
<lr:hierarchicalSubject><rdf:Bag>{subjects}</rdf:Bag></lr:hierarchicalSubject>
</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end='w'?>"""


@lru_cache(1000)  # Most pictures of a card say one of a few things.
def segment_of(subjects: tuple[str, ...], rated: bool = False) -> bytes:
    """Give the segment with these hierarchical subjects, levels parted by `|`."""
    words = dict.fromkeys(each.rpartition("|")[2] for each in subjects)
    packet = PACKET.format(
        mark=MARK.decode(),
        rating=" xmp:Rating='5'" if rated else "",
        words=_listed(words),
        subjects=_listed(subjects),
    ).encode("utf-8")
    if len(packet) > LARGEST:  # A label cannot be that long; fail open all the same.
        return b""
    content = SIGNATURE + packet
    return APP1 + (len(content) + 2).to_bytes(2, "big") + content


def place_in(jpeg: bytes | memoryview) -> int | None:
    """Give where the segment goes: behind JFIF and EXIF; None in what is no JPEG or has XMP."""
    if bytes(jpeg[:2]) != SOI:
        return None
    place = 2
    for start, end in _segments(jpeg):
        if _is_xmp(jpeg, start):
            return None
        place = end
    return place


def with_segment(jpeg: bytes, segment: bytes) -> bytes:
    """Give a JPEG with a segment in its place, if there is one for it."""
    at = place_in(jpeg) if segment else None
    return jpeg if at is None else jpeg[:at] + segment + jpeg[at:]


def without(jpeg: bytes) -> bytes:
    """Give a dumped JPEG as the card had it."""
    for start, end in _segments(jpeg):
        if _is_xmp(jpeg, start) and MARK in jpeg[start:end]:
            return jpeg[:start] + jpeg[end:]
    return jpeg


def _segments(jpeg: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Give where the APP0 and APP1 segments at the beginning start and end."""
    start = len(SOI)
    while bytes(jpeg[start : start + 2]) in (APP0, APP1):
        end = start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
        if end > len(jpeg):  # Torn.
            return
        yield start, end
        start = end


def _is_xmp(jpeg: bytes | memoryview, start: int) -> bool:
    return bytes(jpeg[start + 4 : start + 4 + len(SIGNATURE)]) == SIGNATURE


def _listed(items: Iterable[str]) -> str:
    return "".join(f"<rdf:li>{escape(each)}</rdf:li>" for each in items)
