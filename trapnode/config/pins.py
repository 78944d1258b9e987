"""The pins of the header, from pins.toml: the defaults, and who must not share a wire."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NOT_WIRED", "PINS", "Pin", "clash", "default"]

FILE = Path(__file__).with_name("pins.toml")
NOT_WIRED = -1


@dataclass(frozen=True, slots=True)
class Pin:
    """One wire: `gpio` is the BCM number, `header` the pin on the 40-pin header."""

    name: str
    gpio: int
    header: int
    direction: str
    option: str = ""  # Of the configuration; empty: it cannot be moved.
    fitted: bool = True
    condition: str = ""  # As TOML, `section.option = value`; empty: always.
    note: str = ""


def _read() -> dict[str, Pin]:
    table = tomllib.loads(FILE.read_text("utf-8"))
    return {
        name: Pin(name=name, condition=each.pop("with", ""), **each) for name, each in table.items()
    }


PINS: Mapping[str, Pin] = _read()


def default(name: str) -> int:
    """Give the default of a pin's option: its GPIO, or -1 where it is not wired by default."""
    pin = PINS[name]
    return pin.gpio if pin.fitted else NOT_WIRED


def clash(options: Mapping[str, object]) -> str:
    """Say which two things share a GPIO under these options (`section.option` to value)."""
    taken: dict[int, str] = {}
    for what, gpio in _used(options):
        if gpio in taken:
            return f"{what} = {gpio}: GPIO{gpio} is taken by {taken[gpio]}"
        taken[gpio] = what
    return ""


def _used(options: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    """Give what cannot be moved first, so that the error names the option that can."""
    for pin in sorted(PINS.values(), key=lambda each: bool(each.option)):
        if pin.condition and not _holds(pin.condition, options):
            continue
        gpio = options[pin.option] if pin.option else pin.gpio
        if isinstance(gpio, int) and gpio != NOT_WIRED and (pin.option or pin.fitted):
            yield pin.option or pin.name, gpio


def _holds(condition: str, options: Mapping[str, object]) -> bool:
    ((section, table),) = tomllib.loads(condition).items()
    return all(options.get(f"{section}.{name}") == value for name, value in table.items())
