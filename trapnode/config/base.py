"""What every section of the configuration is made of."""

from typing import Any

from msgspec import Meta, Struct

__all__ = ["Section", "option"]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: frozen, and a key that is not listed is an error."""


def option(description: str, unit: str = "", secret: bool = False, **limits: Any) -> Meta:
    """Describe an option for its errors and for the README's table; a secret is never shown."""
    return Meta(description=description, extra={"unit": unit, "secret": secret}, **limits)
