"""The configuration: TOML to checked, frozen sections."""

from trapnode.config.options import Option, options
from trapnode.config.reading import AtBoot, checked, parse, read, read_at_boot
from trapnode.config.sections import Config, Modem, Section, Uplink

__all__ = [
    "AtBoot",
    "Config",
    "Modem",
    "Option",
    "Section",
    "Uplink",
    "checked",
    "options",
    "parse",
    "read",
    "read_at_boot",
]
