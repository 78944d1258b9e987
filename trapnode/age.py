"""age files (age-encryption.org/v1): sealed to public halves, opened with private ones.

Every recipient opens a file alone. The format says nothing of who sealed it: `store/seals.py` does.
"""

from collections.abc import Iterable
from pathlib import Path

import pyrage
from pyrage import x25519

from trapnode.errors import StoreError, UsageError

__all__ = ["NotSound", "Opener", "Sealer", "WrongKey", "new_key"]

SECRET = "AGE-SECRET-KEY-"
MAX_KEY_FILE = 1 << 16


class WrongKey(UsageError):
    """None of the keys opens this file."""


class NotSound(UsageError):
    """This is no age file, or not all of it, or not as it was sealed."""


class Sealer:
    """Seals bytes to public halves."""

    def __init__(self, recipients: Iterable[str]) -> None:
        """Raise ValueError for one that is not a public half, without repeating it."""
        self._recipients = []
        for number, each in enumerate(recipients, 1):
            try:
                self._recipients.append(x25519.Recipient.from_str(each))
            except pyrage.RecipientError as error:
                raise ValueError(f"number {number} is no public half (age1...): {error}") from None
        if not self._recipients:
            raise ValueError("there is no public half to seal to")

    def __call__(self, data: bytes) -> bytes:
        """Give the whole age file; raise StoreError."""
        try:
            return bytes(pyrage.encrypt(data, self._recipients))
        except pyrage.EncryptError as error:
            raise StoreError(f"it cannot be sealed: {error}") from error


class Opener:
    """Opens age files with the private halves of one key file."""

    def __init__(self, key: Path) -> None:
        """Read a file as `trapnode keys new` and age-keygen write it; raise UsageError."""
        self._identities = _identities(key)
        self.recipients = tuple(str(each.to_public()) for each in self._identities)

    def open(self, data: bytes) -> bytes:
        """Give what was sealed; raise WrongKey or NotSound."""
        try:
            return bytes(pyrage.decrypt(data, self._identities))
        except pyrage.DecryptError as error:
            kind = WrongKey if "No matching keys" in str(error) else NotSound
            raise kind(str(error)) from error


def new_key() -> tuple[str, str]:
    """Make a key: its private half, and its public half."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def _identities(key: Path) -> list[x25519.Identity]:
    try:
        with key.open(encoding="utf-8") as file:
            lines = [line.strip() for line in file.read(MAX_KEY_FILE).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{key}: cannot be read: {reason}") from None
    secrets = [each for each in lines if each.startswith(SECRET)]
    if not secrets:
        raise UsageError(f"{key}: holds no private key (a line that begins with {SECRET})")
    try:
        return [x25519.Identity.from_str(each) for each in secrets]
    except pyrage.IdentityError as error:  # Its text does not repeat the key.
        raise UsageError(f"{key}: holds a private key with a fault: {error}") from None
