"""The configuration: TOML to checked, frozen sections."""

from trapnode.config.base import Section
from trapnode.config.options import Option, options, toml, values
from trapnode.config.reading import AtBoot, checked, overlaid, parse, read, read_at_boot
from trapnode.config.sections import Config, Modem, Power, Uplink

__all__ = [
    "AtBoot",
    "Config",
    "Modem",
    "Option",
    "Power",
    "Section",
    "Uplink",
    "checked",
    "options",
    "overlaid",
    "parse",
    "read",
    "read_at_boot",
    "toml",
    "values",
]
