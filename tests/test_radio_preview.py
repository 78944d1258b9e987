"""The picture of a target that a radio can carry."""

import io

import pytest
from PIL import Image

from tests.fakes import (
    BOX,
    DEER,
    LEOPARD,
    KnowingClassifier,
    sort_all,
    sorter_of,
    take,
)
from tests.sealed import ESCROW, PARK, opener
from trapnode.cli.demo import folders_of, own
from trapnode.cli.sealing import show_of
from trapnode.config import parse
from trapnode.devices.picture import PictureUnreadable
from trapnode.devices.radio_preview import CODECS, MOST_BYTES, SIDE, radio_preview
from trapnode.errors import TrapnodeError
from trapnode.judging import shown
from trapnode.model import Detection, Frame, Scores
from trapnode.store.disk import RealDisk
from trapnode.store.seals import remember

PICTURES = [path for folder in folders_of(own()) for path in folder[:1]]


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A real preview."""
    return PICTURES[0].read_bytes()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("most", [400, MOST_BYTES])
def test_a_picture_is_as_small_as_the_radio_wants_and_opens(picture, codec, most):
    data = radio_preview(picture, BOX, most, codecs=(codec,))
    assert 0 < len(data) <= most
    opened = Image.open(io.BytesIO(data))
    opened.load()
    assert opened.format == codec
    assert max(opened.size) <= SIDE


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.parent.name)
def test_every_picture_can_be_made_as_small(path):
    assert radio_preview(path.read_bytes(), BOX)


def test_it_shows_the_box_with_a_margin(picture):
    wide = Detection(0.1, 0.4, 0.6, 0.1, 0.9)
    opened = Image.open(io.BytesIO(radio_preview(picture, wide)))
    assert opened.width > 3 * opened.height
    whole = Image.open(io.BytesIO(radio_preview(picture, None)))
    assert whole.width < 2 * whole.height


def test_a_pillow_without_the_best_codec_takes_the_next(picture):
    data = radio_preview(picture, BOX, codecs=("AVIF2", "JPEG"))
    assert Image.open(io.BytesIO(data)).format == "JPEG"


def test_where_nothing_is_as_small_there_is_none(picture):
    assert radio_preview(picture, BOX, 20) == b""


def test_a_torn_picture_is_refused(picture):
    with pytest.raises(PictureUnreadable):
        radio_preview(b"\xff\xd8\xff", BOX)


def frame(number):
    return Frame(1, number, f"{number}.jpg", f"{number}.preview.jpg", None)  # type: ignore[arg-type]


def test_the_frame_that_shows_it_best_is_shown():
    def read(each):
        return str(each.number).encode()

    def show(picture, box):
        return picture + (b"+box" if box else b"")

    sure = Scores({"leopard": 0.9}, (BOX,))
    found = [None, Scores({"leopard": 0.4}), sure, Scores({"leopard": 0.9})]
    frames = [frame(number) for number in range(1, 5)]
    assert shown(frames, found, "leopard", read, show) == b"3+box"
    assert shown(frames, [None] * 4, "leopard", read, show) == b""
    assert shown(frames, found, "leopard", lambda each: None, show) == b""


def previews(store):
    return store.database.rows("SELECT sequence, data FROM radio_preview")


def sort(store, run, clock, show):
    take(store, run, clock, bursts=2)
    sorter = sorter_of(store, run, lambda: KnowingClassifier((DEER, LEOPARD), 1), show=show)
    sort_all(sorter, clock)


def test_of_a_target_there_is_one_when_it_is_sorted(store, run, clock):
    sort(store, run, clock, lambda picture, box: b"small" if picture and box else b"")
    assert previews(store) == [(2, b"small")]


@pytest.mark.parametrize("error", [TrapnodeError("no codec"), MemoryError(), OSError("encoder")])
def test_a_picture_that_cannot_be_made_costs_no_observation(store, run, clock, error):
    def fail(picture, box):
        raise error

    sort(store, run, clock, fail)
    assert previews(store) == []
    assert [each.label for each in store.sequences.observations()] == ["deer", "leopard"]
    assert len(store.outbox.waiting()) == 2


def test_where_pictures_are_sealed_the_radios_are_too(picture, tmp_path):
    config = parse(
        f'[sealing]\nrecipients = ["{PARK[1]}", "{ESCROW[1]}"]\n[paths]\nstate = "{tmp_path}"\n'
    )
    sealed = show_of(config)(picture, BOX)
    assert sealed.startswith(b"age-encryption.org/v1")
    assert len(sealed) < MOST_BYTES + 450
    Image.open(io.BytesIO(opener(tmp_path).open(sealed))).load()
    assert opener(tmp_path).open(sealed) == radio_preview(picture, BOX)
    assert opener(tmp_path, ESCROW).open(sealed) == radio_preview(picture, BOX)


def test_what_was_sealed_once_is_sealed_while_the_configuration_is_broken(picture, tmp_path):
    remember(tmp_path, RealDisk(), (PARK[1],))
    sealed = show_of(parse(f'[paths]\nstate = "{tmp_path}"\n'))(picture, BOX)
    assert opener(tmp_path).open(sealed) == radio_preview(picture, BOX)


def test_without_a_radio_no_picture_is_made_for_it(picture):
    assert show_of(parse('[modem]\nkind = "none"\n'))(picture, BOX) == b""
