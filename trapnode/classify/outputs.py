"""The CSV and the MegaDetector JSON of `trapnode classify`."""

import contextlib
import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TextIO

from trapnode.errors import StoreError, UsageError
from trapnode.megadetector import Megadetector
from trapnode.model import Decision, Scores, Verdict

__all__ = ["UNCLASSIFIED", "Judged", "Named", "Outputs"]

UNCLASSIFIED = "unclassified"
STDOUT = 1  # Its descriptor: names on old cards are not always text.
PART = ".part"


class Named(Protocol):
    """What the outputs must know of a model."""

    @property
    def name(self) -> str:
        """Name the model and its version."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """List the labels in the order of the scores."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture with its scores, or why it has none."""

    path: Path
    scores: Scores | None
    fault: str = ""


class Outputs:
    """The CSV and the JSON on their way; a file gets its name when it is whole."""

    def __init__(
        self,
        paths: Sequence[Path],
        classifier: Named,
        csv_path: str | None,
        json_path: str | None,
    ) -> None:
        if csv_path is not None and csv_path == json_path:
            raise UsageError(f"{csv_path}: cannot take both CSV and JSON")
        self.base = os.path.commonpath(
            [path.absolute() if path.is_dir() else path.absolute().parent for path in paths]
        )
        self._classifier = classifier
        self._csv_path, self._json_path = csv_path, json_path
        self._stack = ExitStack()
        self._whole: list[tuple[TextIO, str]] = []  # What gets its name at the end.
        self._write_row: Callable[[Iterable[object]], object] | None = None
        self._json: Megadetector | None = None

    def __enter__(self) -> "Outputs":
        with self._failing():
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        with self._failing():
            self._stack.close()

    def add(self, sequence: Path, judged: Sequence[Judged], decision: Decision) -> None:
        """Write the pictures of one sequence."""
        with self._failing():
            for each in judged:
                if self._write_row:
                    self._write_row(self._row(sequence, each, decision))
                if self._json:
                    self._add_json(self._json, each, decision)

    def end(self) -> None:
        """Make the outputs whole, and give them their names."""
        with self._failing():
            if self._json:
                self._json.end(self._classifier.name, datetime.now(UTC))
            for file, _ in self._whole:
                file.flush()
                os.fsync(file.fileno())
            self._stack.close()
            for _, path in self._whole:
                os.replace(path + PART, path)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            with contextlib.suppress(OSError):
                self._stack.close()
            raise  # The reader of our output has seen enough.
        except OSError as error:
            with contextlib.suppress(OSError):
                self._stack.close()
            name = error.filename or self._csv_path or self._json_path
            raise StoreError(f"{name}: cannot be written: {error.strerror}") from error

    def _add_json(self, output: Megadetector, judged: Judged, decision: Decision) -> None:
        file = self._relative(judged.path)
        if judged.scores is None:
            output.fail(file, judged.fault)
        else:
            output.add(file, judged.scores, decision.verdict is Verdict.DISCARD)

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path.absolute(), self.base)).as_posix()

    def _open(self) -> None:
        if self._csv_path:
            file = self._file(self._csv_path)
            self._write_row = csv.writer(file, lineterminator="\n").writerow
            labels = (f"p_{label}" for label in self._classifier.labels)
            self._write_row(["file", "sequence", "label", "probability", "verdict", *labels])
        if self._json_path:
            self._json = Megadetector(self._file(self._json_path).write)

    def _file(self, path: str) -> TextIO:
        if path == "-":
            return self._opened(STDOUT)
        if os.path.exists(path) and not os.path.isfile(path):
            return self._opened(path)  # A pipe or a device.
        file = self._opened(path + PART)
        self._whole.append((file, path))
        return file

    def _opened(self, path: str | int) -> TextIO:
        return self._stack.enter_context(
            open(path, "w", 1, "utf-8", "surrogateescape", newline="", closefd=path != STDOUT)
        )

    def _row(self, sequence: Path, judged: Judged, decision: Decision) -> list[object]:
        row: list[object] = [str(judged.path), str(sequence)]
        if judged.scores is None:
            blanks = [""] * len(self._classifier.labels)
            return [*row, UNCLASSIFIED, "", decision.verdict.value, *blanks]
        label, probability = judged.scores.best
        every = (f"{p:.4f}" for p in judged.scores.by_label.values())
        return [*row, label, f"{probability:.4f}", decision.verdict.value, *every]
