"""The sets of models on a unit: two at most are installed, and a line each says which judges.

STATE/models/order             names of sets, the first judges: written whole, the only switch
STATE/models/NAME/set/         a set: its card, the cards that it names, their models
STATE/models/NAME/proof.json   what its self-test said of these cards; without it it never judges
STATE/models/NAME/trial        how often it ended the sorter before it judged one sequence

`configured` is the set that `sorter.model` names; it needs no proof and is the last resort.
Commands of people write `order` and `proof.json`, the sorter writes `trial`.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trapnode import __version__
from trapnode.errors import StoreError, TrapnodeError, UsageError
from trapnode.store.disk import Disk, make_folders, write_whole

__all__ = ["CONFIGURED", "DEATHS", "MODELS", "Package", "Proof", "Sets"]

MODELS = "models"
CONFIGURED = "configured"
DEATHS = 3  # A set that ended the sorter so often, and judged nothing, is passed over.
JUDGED = f"judged under {__version__}"  # Another version of ours may die of what this one loads.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Package:
    """A set as it comes to the unit: the bytes of its files; `cards` names the set's own first."""

    name: str
    cards: tuple[str, ...]
    files: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        """Give the checksum of the cards; they hold those of the models."""
        return _digest([self.files[card] for card in self.cards])


@dataclass(frozen=True, slots=True)
class Proof:
    """What a set was like when it passed its self-test, and on which version of ours."""

    cards: tuple[str, ...]
    sha256: str
    frame_s: float
    peak_mib: float
    version: str


class Sets:
    """The installed sets in a folder; every method raises StoreError if the card fails."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._order = folder / "order"

    def order(self) -> tuple[str, ...]:
        """List the sets, the one that judges first; the configured one is always among them."""
        try:
            names = self._order.read_text("ascii").split()
        except FileNotFoundError:
            names = []
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._order}: cannot be read: {error}") from error
        if wrong := [name for name in names if not NAME.fullmatch(name)]:
            raise StoreError(f"{self._order}: {wrong[0]!r} is no name of a set")
        return tuple(dict.fromkeys([*names, CONFIGURED]))

    def mark(self) -> tuple[int, int] | None:
        """Give what differs once anybody has written the order anew."""
        try:
            found = self._order.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def card(self, name: str) -> Path:
        """Give the card of an installed set, if it is as it passed its self-test."""
        proof, folder = self.proof(name), self._folder / name / "set"
        try:
            found = _digest([(folder / card).read_bytes() for card in proof.cards])
        except OSError as error:
            raise StoreError(f"{folder}: a card cannot be read: {error}") from error
        if found != proof.sha256 or not proof.cards:
            raise StoreError(
                f"{folder}: the cards have sha256 {found}, {proof.sha256} passed the self-test"
            )
        return folder / proof.cards[0]

    def proof(self, name: str) -> Proof:
        """Read what the self-test said of an installed set."""
        path = self._folder / name / "proof.json"
        try:
            found = json.loads(path.read_text("utf-8"))
            return Proof(
                cards=tuple(map(str, found["cards"])),
                sha256=str(found["sha256"]),
                frame_s=float(found["frame_s"]),
                peak_mib=float(found["peak_mib"]),
                version=str(found["version"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: no proof of a passed self-test: {error}") from error

    def put(self, package: Package) -> Path:
        """Put the files of a set on the card, each whole; it judges only once it is admitted.

        Raise UsageError for a name that records could not tell from another set's.
        """
        self._check_name(package)
        folder = self._folder / package.name / "set"
        with self._card_at_work():
            make_folders(self._disk, folder)
            for name, content in package.files.items():
                write_whole(self._disk, folder / name, content)
        return folder / package.cards[0]

    def admit(self, name: str, proof: Proof) -> str:
        """Make a set that has passed its self-test the first; give the one that comes after it."""
        try:
            order = self.order()
        except StoreError:  # It is written anew below.
            order = (CONFIGURED,)
        after = next(each for each in order if each != name and self.deaths(each) < DEATHS)
        with self._card_at_work():
            note = json.dumps(asdict(proof), indent=2).encode("utf-8")
            write_whole(self._disk, self._folder / name / "proof.json", note)
        self._reorder([name, after])
        return after

    def rollback(self) -> tuple[str, str]:
        """Let the first two change places; give both as they now stand. Raise UsageError."""
        first, *others = self.order()
        if not others:
            raise UsageError("no set is installed: there is nothing to go back to")
        if others[0] != CONFIGURED:
            self.card(others[0])  # Never to one that would be refused.
        self._reorder([others[0], first])
        return others[0], first

    def clear(self) -> None:
        """Remove the sets that are not in the order: old ones, refused ones, torn ones."""
        kept = self.order()
        with self._card_at_work():
            for folder in self._folder.glob("*"):
                if folder.is_dir() and folder.name not in kept:
                    self._empty(folder / "set")
                    self._empty(folder)

    def deaths(self, name: str) -> int:
        """Say how often a set ended the sorter before it judged one sequence."""
        text = self._trial(name)
        return int(text) if text.isascii() and text.isdecimal() else 0

    @contextlib.contextmanager
    def trial(self, name: str) -> Iterator[None]:
        """Count a death, durably, before what may end the process; take it back afterwards."""
        if self._trial(name) == JUDGED:
            yield
            return
        before = self.deaths(name)
        self._note(name, str(before + 1))
        try:
            yield
        except (TrapnodeError, MemoryError, ValueError):  # What the sorter survives is no death.
            self._note(name, str(before))
            raise
        self._note(name, str(before))

    def judged(self, name: str) -> None:
        """Remember that a set has judged a sequence: its trial is over."""
        if self._trial(name) != JUDGED:
            self._note(name, JUDGED)

    def _check_name(self, package: Package) -> None:
        name = package.name
        if not NAME.fullmatch(name) or name == CONFIGURED:
            raise UsageError(f"name and version are {name!r}, must be only letters, digits, . _ -")
        with contextlib.suppress(StoreError):  # What has no proof has never judged.
            if name in self.order() and self.proof(name).sha256 != package.sha256:
                raise UsageError(
                    f"{name} is installed with other contents: give the new set another version"
                )

    def _reorder(self, names: Sequence[str]) -> None:
        """Begin the first one's trial anew, write the order, remove what fell out of it."""
        with self._card_at_work():
            if (trial := self._folder / names[0] / "trial").exists():
                self._disk.remove(trial)
                self._disk.sync_folder(trial.parent)
            write_whole(self._disk, self._order, "".join(f"{name}\n" for name in names).encode())
        self.clear()

    def _trial(self, name: str) -> str:
        try:
            return (self._folder / name / "trial").read_text("utf-8", "replace").strip()
        except OSError:
            return ""

    def _note(self, name: str, text: str) -> None:
        with self._card_at_work():
            write_whole(self._disk, self._folder / name / "trial", text.encode("ascii"))

    def _empty(self, folder: Path) -> None:
        if not folder.is_dir():
            return
        for path in folder.glob("*"):
            if not path.is_dir():
                self._disk.remove(path)
        self._disk.sync_folder(folder)
        with contextlib.suppress(OSError):  # What is not ours may stay in it.
            folder.rmdir()

    @contextlib.contextmanager
    def _card_at_work(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._folder}: cannot be written: {error}") from error


def _digest(cards: Sequence[bytes]) -> str:
    whole = hashlib.sha256()
    for card in cards:
        whole.update(hashlib.sha256(card).digest())
    return whole.hexdigest()
