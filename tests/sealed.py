"""Stores that seal, and the keys that open what they sealed."""

from pathlib import Path

from tests.faults import Power
from trapnode.age import Opener, Sealer, new_key
from trapnode.store.copies import Copies
from trapnode.store.seals import Sealing, Seals
from trapnode.store.store import Store, open_store

PARK, ESCROW, STRANGER = new_key(), new_key(), new_key()
RECIPIENTS = (PARK[1], ESCROW[1])
UNIT_KEY = bytes(range(32))


def key_file(folder: Path, key: tuple[str, str] = PARK, name: str = "park.key") -> Path:
    """A key file as age-keygen writes it."""
    path = folder / name
    path.write_text(f"# created: today\n# public key: {key[1]}\n{key[0]}\n")
    return path


def opener(folder: Path, key: tuple[str, str] = PARK) -> Opener:
    """What opens with a key."""
    return Opener(key_file(folder, key))


def open_picture(path: Path) -> bytes:
    """Read a picture, sealed or not, as the park does."""
    import pyrage

    content = path.read_bytes()
    if path.suffix != ".age":
        return content
    return bytes(pyrage.decrypt(content, [pyrage.x25519.Identity.from_str(PARK[0])]))


def sealing_in(run: Path) -> Sealing:
    """Sealing with copies in a folder, as the station and the sorter have it."""
    return Sealing(Seals(UNIT_KEY, RECIPIENTS), Sealer(RECIPIENTS), Copies(run))


class SealedPower(Power):
    """A life of a unit that seals; its copies lie in the run folder beside the store."""

    def open(self, state: Path) -> Store:
        return open_store(state, self.disk, self.connect, sealing_in(state / "run"))
