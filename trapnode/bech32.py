"""Public halves of age keys, `age1...`: Bech32 (BIP 173) of 32 bytes, with its checksum.

pyrage knows them, too, but every process reads the configuration, and only the station seals.
"""

__all__ = ["is_public_half"]

PREFIX = "age"
LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
DATA, CHECKSUM = 52, 6  # 256 bits in groups of five, the last four bits empty.


def is_public_half(text: str) -> bool:
    """Say whether a text is a public half, without a mistyped letter."""
    head, data = text[: len(PREFIX) + 1], text[len(PREFIX) + 1 :]
    if head != f"{PREFIX}1" or len(data) != DATA + CHECKSUM or set(data) - set(LETTERS):
        return False
    values = [LETTERS.index(letter) for letter in data]
    if values[DATA - 1] & 0b1111:
        return False
    expanded = [ord(letter) >> 5 for letter in PREFIX] + [0] + [ord(each) & 31 for each in PREFIX]
    return _remainder([*expanded, *values]) == 1


def _remainder(values: list[int]) -> int:
    rest = 1
    for value in values:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATORS):
            rest ^= generator if top >> bit & 1 else 0
    return rest
