"""The desk's classifier: any folder, torn pictures, old cards, and what it leaves behind."""

import contextlib
import csv
import io
import json
import os
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from tests.readers import errors
from trapnode.classify import BURST, classify
from trapnode.errors import DeviceError, StoreError, TrapnodeError, UsageError
from trapnode.model import Detection, Judgement, Scores, Unjudged

HEADER = ["file", "sequence", "label", "probability", "verdict", "p_blank", "p_leopard", "p_deer"]


class Torn(TrapnodeError):
    """A picture that does not decode."""


class ByColour:
    """A model that knows leopards by red and deer by blue; all else is blank."""

    name = "by-colour-1"
    labels = ("blank", "leopard", "deer")
    thresholds = {"blank": 0.9, "target": 0.1, "unknown": 0.5}  # noqa: RUF012
    boxes: tuple[Detection, ...] = ()

    def judge(self, pictures, past=()) -> list[Judgement]:
        self.bursts = [*getattr(self, "bursts", ()), 0]
        return [self._judged(jpeg) for jpeg in pictures]

    def _judged(self, jpeg: bytes | None) -> Judgement:
        self.bursts[-1] += 1
        if jpeg is None:
            return Judgement(None, "there is no picture", Unjudged.PICTURE)
        try:
            by_label = dict(zip(self.labels, self.classify(jpeg), strict=True))
        except TrapnodeError as error:
            model = isinstance(error, DeviceError)
            return Judgement(None, str(error), Unjudged.MODEL if model else Unjudged.PICTURE)
        return Judgement(Scores(by_label, self.boxes if by_label["blank"] < 0.5 else ()))

    def classify(self, jpeg: bytes) -> tuple[float, ...]:
        try:
            picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB").resize((1, 1))
        except OSError as error:
            raise Torn(f"picture of {len(jpeg)} bytes: torn") from error
        red, _, blue = picture.getpixel((0, 0))
        if red > 128:
            return (0.02, 0.95, 0.03)
        return (0.05, 0.05, 0.9) if blue > 128 else (0.97, 0.01, 0.02)


class Broken(ByColour):
    """A model that fails on its second picture."""

    seen = 0

    def classify(self, jpeg: bytes) -> tuple[float, ...]:
        self.seen += 1
        if self.seen == 2:
            raise DeviceError("model failed")
        return super().classify(jpeg)


def save(path: Path, colour: str, kind: str = "JPEG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 24), colour).save(path, kind)
    return path


@pytest.fixture
def card(tmp_path: Path) -> Path:
    card = tmp_path / "card"
    save(card / "b" / "IMG_2.JPG", "red")
    save(card / "b" / "IMG_1.jpeg", "green")
    save(card / "a" / "IMG_1.jpg", "green")
    save(card / "a" / "IMG_2.png", "green", "PNG")
    save(card / "IMG_0.jpg", "blue")
    save(card / ".trash" / "gone.jpg", "red")
    save(card / "a" / "._IMG_1.jpg", "red")
    (card / "a" / "notes.txt").write_text("no picture", "utf-8")
    return card


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_one_row_a_picture_sorted_and_hidden_files_left_out(card, tmp_path):
    classify([card], ByColour(), ["leopard"], csv_path=str(tmp_path / "out.csv"))
    header, *found = rows(tmp_path / "out.csv")
    assert header == HEADER
    names = ["IMG_0.jpg", "a/IMG_1.jpg", "a/IMG_2.png", "b/IMG_1.jpeg", "b/IMG_2.JPG"]
    assert [row[0] for row in found] == [str(card / name) for name in names]
    assert [row[1] for row in found] == [row[0] for row in found]
    assert [row[2:5] for row in found] == [
        ["deer", "0.9000", "keep"],
        ["blank", "0.9700", "discard"],
        ["blank", "0.9700", "discard"],
        ["blank", "0.9700", "discard"],
        ["leopard", "0.9500", "keep"],
    ]
    assert found[4][5:] == ["0.0200", "0.9500", "0.0300"]


def test_a_folder_is_a_sequence_with_one_verdict(card, tmp_path):
    classify([card], ByColour(), ["leopard"], by_folder=True, csv_path=str(tmp_path / "out.csv"))
    found = rows(tmp_path / "out.csv")[1:]
    assert [(row[1], row[2], row[4]) for row in found] == [
        (str(card), "deer", "keep"),
        (str(card / "a"), "blank", "discard"),
        (str(card / "a"), "blank", "discard"),
        (str(card / "b"), "blank", "keep"),
        (str(card / "b"), "leopard", "keep"),
    ]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\nno", b"\xff\xd8\xff"])
def test_a_picture_that_cannot_be_read_is_kept_and_named(card, tmp_path, capsys, content):
    (card / "a" / "torn.jpg").write_bytes(content)
    summary = classify(
        [card], ByColour(), ["leopard"], by_folder=True, csv_path=str(tmp_path / "out.csv")
    )
    torn = rows(tmp_path / "out.csv")[4]
    assert torn[2:] == ["unclassified", "", "keep", "", "", ""]
    assert summary.unreadable == 1
    assert "torn.jpg: not classified" in capsys.readouterr().err


def test_every_whole_part_of_a_picture_and_no_picture_ends_the_run(tmp_path):
    whole = save(tmp_path / "a.jpg", "red").read_bytes()
    for cut in range(0, len(whole), 97):
        (tmp_path / "a.jpg").write_bytes(whole[:cut])
        with contextlib.suppress(TrapnodeError):
            assert classify([tmp_path / "a.jpg"], ByColour(), []).pictures == 1


def test_without_outputs_a_table_goes_to_stdout(card, capsys):
    classify([card], ByColour(), ["leopard"])
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "blank           3",
        "deer            1",
        "leopard         1",
        "pictures        5",
        "sequences: 2 to keep, 3 to discard",
        "unreadable: 0",
        "this touches no file: keep and discard are what a unit would do",
    ]
    assert told.err == ""


def test_csv_to_stdout_has_nothing_else_in_it(card, capfd):
    classify([card], ByColour(), ["leopard"], csv_path="-")
    told = capfd.readouterr()
    assert len(list(csv.reader(io.StringIO(told.out)))) == 6
    assert "pictures" in told.err


def test_the_json_is_megadetector_output_relative_to_the_folder(card, tmp_path):
    (card / "a" / "torn.jpg").write_bytes(b"no")
    path = tmp_path / "md.json"
    classify([card], ByColour(), ["leopard"], json_path=str(path))
    found = json.loads(path.read_text("utf-8"))
    assert errors(path.read_text("utf-8"), pictures=card) == []
    assert [image["file"] for image in found["images"]][:2] == ["IMG_0.jpg", "a/IMG_1.jpg"]
    assert found["images"][1]["detections"] == []
    assert "failure" in found["images"][3]


def test_the_json_has_the_boxes_that_were_found(card, tmp_path):
    judge = ByColour()
    judge.boxes = (Detection(0.1, 0.2, 0.3, 0.4, 0.8), Detection(0.6, 0.2, 0.3, 0.4, 0.4))
    classify([card / "b" / "IMG_2.JPG"], judge, [], json_path=str(tmp_path / "md.json"))
    (image,) = json.loads((tmp_path / "md.json").read_text("utf-8"))["images"]
    assert [each["bbox"] for each in image["detections"]] == [
        [0.1, 0.2, 0.3, 0.4],
        [0.6, 0.2, 0.3, 0.4],
    ]
    assert [each["conf"] for each in image["detections"]] == [0.98, 0.49]


def test_a_large_folder_is_judged_in_bursts_and_has_one_verdict(tmp_path):
    for number in range(BURST + 3):
        save(tmp_path / "season" / f"{number:03d}.jpg", "red" if number == 1 else "green")
    judge = ByColour()
    out = tmp_path / "out.csv"
    summary = classify([tmp_path / "season"], judge, ["leopard"], True, str(out))
    assert judge.bursts == [BURST, 3]
    assert summary.verdicts == {"keep": 1}
    assert len(rows(out)) == BURST + 4


def test_the_json_of_single_files_is_relative_to_their_folder(card, tmp_path):
    path = tmp_path / "md.json"
    classify(
        [card / "a" / "IMG_1.jpg", card / "b" / "IMG_2.JPG"], ByColour(), [], json_path=str(path)
    )
    found = json.loads(path.read_text("utf-8"))
    assert [image["file"] for image in found["images"]] == ["a/IMG_1.jpg", "b/IMG_2.JPG"]


def test_what_is_not_there_is_named(card, tmp_path):
    with pytest.raises(UsageError, match="nowhere: no such file or folder"):
        classify([card, tmp_path / "nowhere"], ByColour(), [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: no pictures"):
        classify([tmp_path / "empty"], ByColour(), [])


def test_an_output_that_cannot_be_written_is_named(card, tmp_path):
    for output in ({"csv_path": "/nowhere/a.csv"}, {"json_path": "/nowhere/a.json"}):
        with pytest.raises(StoreError, match=r"/nowhere/a.*cannot be written"):
            classify([card], ByColour(), [], **output)
    if Path("/dev/full").exists():
        with pytest.raises(StoreError, match="/dev/full: cannot be written: No space left"):
            classify([card], ByColour(), [], csv_path="/dev/full")


def test_a_run_that_ends_early_leaves_its_rows_and_no_half_json(card, tmp_path):
    with pytest.raises(DeviceError, match="model failed"):
        classify(
            [card],
            Broken(),
            [],
            csv_path=str(tmp_path / "a.csv"),
            json_path=str(tmp_path / "a.json"),
        )
    assert len(rows(tmp_path / "a.csv.part")) == 2
    assert not (tmp_path / "a.csv").exists()
    assert not (tmp_path / "a.json").exists()


def test_the_csv_names_a_picture_as_given_and_the_json_relative_to_all(card, tmp_path, capfd):
    classify([card], ByColour(), [], csv_path=str(tmp_path / "a.csv"), json_path="-")
    told = capfd.readouterr()
    found = json.loads(told.out)
    assert f"relative to {card}\n" in told.err
    assert [str(card / each["file"]) for each in found["images"]] == [
        row[0] for row in rows(tmp_path / "a.csv")[1:]
    ]
    with pytest.raises(UsageError, match="cannot take both"):
        classify([card], ByColour(), [], csv_path="-", json_path="-")


def test_a_picture_given_twice_counts_once(card, monkeypatch):
    monkeypatch.chdir(card / "a")
    one = card / "a" / "IMG_1.jpg"
    (card / "link").symlink_to(card / "b")
    again = [one, Path("IMG_1.jpg"), card / "a", card, card, card / "link", card / "b"]
    assert classify(again, ByColour(), []).pictures == 5
    assert classify([card, card / ".trash"], ByColour(), []).pictures == 6


@pytest.fixture
def locked():
    """A folder of which a part is closed to this process for as long as the test runs."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for name in ("open", "shut"):
            save(Path(folder, name, "1.jpg"), "red")
        Path(folder, "shut").chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield Path(folder)
        os.seteuid(user)
        Path(folder, "shut").chmod(0o755)


def test_a_folder_that_cannot_be_read_is_named_and_counted(locked, capsys):
    summary = classify([locked], ByColour(), [])
    assert (summary.pictures, summary.unreadable) == (1, 1)
    assert capsys.readouterr().err == f"{locked}/shut: cannot be read: Permission denied\n"
    with pytest.raises(TrapnodeError, match="no pictures that can be read"):
        classify([locked / "shut"], ByColour(), [])
    with pytest.raises(UsageError, match="Permission denied"):
        classify([locked / "shut" / "1.jpg"], ByColour(), [])


def test_a_run_that_could_read_nothing_has_failed(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(TrapnodeError, match="none of 2 pictures"):
        classify([tmp_path], ByColour(), [], csv_path=str(tmp_path / "a.csv"))
    assert len(rows(tmp_path / "a.csv")) == 3


def test_a_reader_that_has_seen_enough_ends_the_run(card, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    class Watched(ByColour):
        def classify(self, jpeg: bytes) -> tuple[float, ...]:
            with contextlib.suppress(OSError):
                os.close(reader)
            return super().classify(jpeg)

    with pytest.raises(BrokenPipeError):
        classify([card], Watched(), [], csv_path=str(tmp_path / "pipe"))


def test_a_name_that_is_not_text_passes(tmp_path, capfd):
    name = os.fsencode(str(tmp_path)) + b"/\xff\xfe.jpg"
    with open(name, "wb") as file:
        Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    classify([tmp_path], ByColour(), [], csv_path="-", json_path=str(tmp_path / "md.json"))
    assert capfd.readouterr().out.count("\n") == 2
    assert len(json.loads((tmp_path / "md.json").read_text("utf-8"))["images"]) == 1
