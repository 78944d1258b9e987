"""The command line and composition root: the only place that builds things.

Each command's function is imported when it is called, so that no process loads what it does not
need; and nothing at all before the first frame of a boot that is a trigger.
"""

import sys
from collections.abc import Sequence

from trapnode.cli.options import CONFIG, Options, plain
from trapnode.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, TrapnodeError

__all__ = ["CONFIG", "PROCESSES", "main"]

PROCESSES = {
    "station": "trigger, burst, whole frames on the card",
    "sorter": "classify what the station saved, reach a verdict",
    "uplinker": "send what the outbox holds through the modem",
    "keeper": "battery, card, clock, status snapshot, daily status report",
    "console": "answer a technician on the serial cable",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code: 0 done, 1 failed, 2 usage, 78 configuration.

    130 is an interrupt from the keyboard.
    """
    told = sys.argv[1:] if argv is None else list(argv)
    try:
        return _run(told)
    except TrapnodeError as error:
        print(f"trapnode {told[0]}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # The reader of our output has seen enough.
        sys.stderr.close()
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(f"trapnode {told[0]}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(told: list[str]) -> int:
    if told and told[0] in PROCESSES and (options := plain(told[1:])):
        return _start(told[0], options)
    import importlib

    from trapnode.cli.commands import parser

    arguments = parser().parse_args(told)
    if arguments.command in PROCESSES:
        once = arguments.command == "uplinker" and arguments.once
        return _start(arguments.command, Options(arguments.config, arguments.twins, once))
    module, name = arguments.run.split(":")
    return int(getattr(importlib.import_module(module), name)(arguments) or 0)


def _start(process: str, options: Options) -> int:
    if process == "station":
        from trapnode.cli.first import first_frame

        options = options._replace(first=first_frame(options))
    from trapnode.cli import unit

    getattr(unit, process)(options)
    return EXIT_DONE
