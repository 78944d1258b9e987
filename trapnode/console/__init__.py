"""The console: lines over a serial cable, answered whatever state the others are in.

Nothing it prints is a secret or a place. What it wants of a camera or a modem it asks of the
process that has it (`store/visit.py`), and says so when that one is silent.
"""

from trapnode.console.loop import Console, Line
from trapnode.console.steps import Ask, Failed, Steps, Wait
from trapnode.console.unit import Unit
from trapnode.console.verbs import VERBS, begin

__all__ = ["VERBS", "Ask", "Console", "Failed", "Line", "Steps", "Unit", "Wait", "begin"]
