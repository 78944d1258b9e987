"""The options as a person reads them: in the README's table and in errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Meta

from trapnode.config.sections import Config

__all__ = ["Option", "options", "toml", "values"]


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the README's table."""

    name: str
    default: str
    unit: str
    limits: str
    description: str
    secret: bool  # Its value is shown to nobody.


def options() -> Iterator[Option]:
    """List every option with default, unit, limits and meaning, as the README does."""
    for section in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(section.type):
            meta = field.type.__metadata__[0]
            yield Option(
                name=f"{section.name}.{field.name}",
                default=toml(field.default),
                unit=(meta.extra or {}).get("unit", ""),
                limits=_limits(field.type, meta),
                description=meta.description or "",
                secret=(meta.extra or {}).get("secret", False),
            )


def values(config: Config) -> Iterator[tuple[Option, Any]]:
    """List every option with its value in a configuration."""
    for option in options():
        section, name = option.name.split(".")
        yield option, getattr(getattr(config, section), name)


def toml(value: Any) -> str:
    """Write a value as TOML does."""
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return msgspec.json.encode(value).decode() if isinstance(value, str) else str(value)


def _limits(kind: Any, meta: Meta) -> str:
    if meta.ge is not None or meta.le is not None:
        return f"{meta.ge} to {meta.le}"
    if meta.pattern is not None:
        return f"`{meta.pattern}`"
    literals = getattr(kind.__origin__, "__args__", ())
    if literals and all(isinstance(value, str) for value in literals):
        return ", ".join(literals)
    return ""
