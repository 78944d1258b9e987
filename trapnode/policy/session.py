"""The lock of the console: what reveals or changes needs an answer to a nonce.

    key     the unit's own, `console.key` of its configuration; no key: nothing is locked
            HMAC-SHA256(park's secret, "trapnode console key 1", NUL, unit's name)
    nonce   8 random bytes, good for one answer
    answer  the first 8 bytes of HMAC-SHA256(key, nonce + role), in hex; the role is "technician"

So no password crosses the cable and no recording of it opens anything; the secret stays on the
desk, a technician's laptop has the keys of a route. After five wrong answers nothing is heard for
60 s, whoever pulls the cable meanwhile. A session ends after ten minutes, or with the cable.
"""

from collections.abc import Callable

from trapnode.errors import TrapnodeError

__all__ = ["KEY_BYTES", "NONCE_BYTES", "ROLE", "SESSION_S", "Barred", "Lock", "answer", "unit_key"]

KEY_BYTES = 32
KEY_PURPOSE = b"trapnode console key 1\x00"
NONCE_BYTES = ANSWER_BYTES = 8
ROLE = "technician"
TRIES = 5
BACK_OFF_S = 60.0
SESSION_S = 600.0


class Barred(TrapnodeError):
    """Too many wrong answers: nothing is heard for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong answers, wait {seconds:.0f} s")
        self.seconds = seconds


def unit_key(secret: bytes, unit: str) -> bytes:
    """Derive the key of one unit from the park's secret."""
    import hmac  # Only with a key: it costs a process 5 MiB.

    return hmac.digest(secret, KEY_PURPOSE + unit.encode("ascii"), "sha256")


def answer(key: bytes, nonce: bytes, role: str = ROLE) -> bytes:
    """Give the answer to a nonce."""
    import hmac

    return hmac.digest(key, nonce + role.encode("ascii"), "sha256")[:ANSWER_BYTES]


class Lock:
    """One unit's lock; times are monotonic, s."""

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._key = key
        self._random = random
        self._nonce = b""
        self._wrong = 0
        self._barred_until_s = float("-inf")
        self._open_until_s = float("-inf")

    @property
    def free(self) -> bool:
        """Say whether there is no key, so that nothing is ever locked."""
        return not self._key

    def is_open(self, now_s: float) -> bool:
        """Say whether what reveals or changes may be done now."""
        return self.free or now_s < self._open_until_s

    def challenge(self, now_s: float) -> bytes:
        """Give a new nonce; raise Barred."""
        self._heard(now_s)
        self._nonce = self._random(NONCE_BYTES)
        return self._nonce

    def unlock(self, given: str, now_s: float) -> int | None:
        """Try an answer: None opens, a number is how many tries are left; raise Barred.

        Every answer uses up its nonce.
        """
        import hmac

        self._heard(now_s)
        nonce, self._nonce = self._nonce, b""
        wanted = answer(self._key, nonce).hex()
        said = given.strip().lower().encode("ascii", "replace")
        if nonce and hmac.compare_digest(said, wanted.encode("ascii")):
            self._wrong = 0
            self._open_until_s = now_s + SESSION_S
            return None
        self._wrong += 1
        if self._wrong >= TRIES:
            self._wrong, self._barred_until_s = 0, now_s + BACK_OFF_S
            raise Barred(BACK_OFF_S)
        return TRIES - self._wrong

    def close(self) -> None:
        """Lock: the technician said so, or the cable is out. Wrong answers stay counted."""
        self._nonce = b""
        self._open_until_s = float("-inf")

    def _heard(self, now_s: float) -> None:
        if now_s < self._barred_until_s:
            raise Barred(self._barred_until_s - now_s)
