"""AES-128-CCM by hand, from FIPS 197 and RFC 3610: what the unit's library is checked against.

No library, no table, no speed: the S-box is computed. Only for L = 2 and tags of 8 bytes.
"""

from itertools import count

ROUNDS = 10
TAG = 8


def ccm_seal(key: bytes, nonce: bytes, body: bytes, clear: bytes) -> bytes:
    """Give the encrypted body and its tag; `clear` is authenticated with it."""
    blocks = bytes([0x40 | (TAG - 2) // 2 << 3 | 1]) + nonce + len(body).to_bytes(2, "big")
    blocks += _filled(len(clear).to_bytes(2, "big") + clear) + _filled(body)
    mac = bytes(16)
    for start in range(0, len(blocks), 16):
        mac = aes(key, _xor(mac, blocks[start : start + 16]))
    streams = (aes(key, b"\x01" + nonce + number.to_bytes(2, "big")) for number in count())
    tag = _xor(mac[:TAG], next(streams))
    return b"".join(_xor(body[at : at + 16], next(streams)) for at in range(0, len(body), 16)) + tag


def aes(key: bytes, block: bytes) -> bytes:
    """Encrypt one block of 16 bytes."""
    keys = _round_keys(key)
    state = _xor(block, keys[0])
    for number in range(1, ROUNDS + 1):
        state = bytes(SBOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16))  # And shift rows.
        if number < ROUNDS:
            state = b"".join(_mixed(state[at : at + 4]) for at in range(0, 16, 4))
        state = _xor(state, keys[number])
    return state


def _round_keys(key: bytes) -> list[bytes]:
    words, constant = [key[at : at + 4] for at in range(0, 16, 4)], 1
    while len(words) < 4 * (ROUNDS + 1):
        last = words[-1]
        if len(words) % 4 == 0:
            last = bytes(SBOX[each] for each in last[1:] + last[:1])
            last = bytes([last[0] ^ constant]) + last[1:]
            constant = _times(constant, 2)
        words.append(_xor(words[-4], last))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _mixed(column: bytes) -> bytes:
    def row(at: int) -> int:
        a, b, c, d = (column[(at + step) % 4] for step in range(4))
        return _times(a, 2) ^ _times(b, 3) ^ c ^ d

    return bytes(map(row, range(4)))


def _times(a: int, b: int) -> int:
    """Multiply in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _s(value: int) -> int:
    inverse = next((each for each in range(256) if _times(value, each) == 1), 0)
    turned = inverse * 0x101  # Twice side by side: a shift is a rotation.
    rotations = inverse ^ turned >> 7 ^ turned >> 6 ^ turned >> 5 ^ turned >> 4
    return rotations & 0xFF ^ 0x63


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=False))


SBOX = bytes(map(_s, range(256)))
