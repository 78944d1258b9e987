"""Is a test picture light and sharp enough? Numbers in, the fault's name out.

`focus` is the variance of the Laplacian on grey levels of a picture 320 px wide. Of 78 pictures of
other people's camera traps that were as wide, all had 420 or more (half of them 2,800); the same
blurred by 2 px, which takes the rosettes off a leopard, 35 at most.
"""

from dataclasses import dataclass

__all__ = ["BRIGHTNESS_LEAST", "CLIPPED_MOST", "FOCUS_LEAST", "Look", "fault_of"]

FOCUS_LEAST = 60
BRIGHTNESS_LEAST = 20  # Of 255. The darkest of those pictures had 44; infra-red nights have less.
CLIPPED_MOST = 40  # Per cent of pixels that are white: the sun, or the flash on a leaf.


@dataclass(frozen=True, slots=True)
class Look:
    """What a test picture is like, and how it looks in rows of characters, dark to bright."""

    brightness: int  # Mean grey level, 0 to 255.
    clipped: int  # Per cent of white pixels.
    focus: int
    rows: tuple[str, ...] = ()


def fault_of(look: Look) -> str:
    """Give `dark`, `bright`, `blurred`, or nothing. What is dark or white is not judged further."""
    if look.brightness < BRIGHTNESS_LEAST:
        return "dark"
    if look.clipped > CLIPPED_MOST:
        return "bright"
    return "blurred" if look.focus < FOCUS_LEAST else ""
