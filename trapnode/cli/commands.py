"""The parser of every command: what may be asked for, with help and examples."""

import argparse
from typing import NoReturn

from trapnode import __version__
from trapnode.cli import CONFIG, PROCESSES, decode, packages, provision, receive, stick, technician
from trapnode.errors import EXIT_USAGE

__all__ = ["parser"]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all of ours."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to find help; exit with the code of wrong usage."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    root = Parser(
        prog="trapnode", description="Camera-trap unit software that never loses a leopard."
    )
    root.add_argument("--version", action="version", version=f"trapnode {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does in PROCESSES.items():
        command = _add(commands, name, does, f"trapnode.cli.unit:{name}", f"trapnode {name}")
        _add_config(command)
        command.add_argument(
            "--twins", metavar="DIR", help="run on simulated twins that share the world in DIR"
        )
        if name == "uplinker":
            command.add_argument(
                "--once", action="store_true", help="send what is due, say what came of it, end"
            )
    for add in (_add_demo, _add_practise, _add_twin, _add_desk):
        add(commands)
    return root


def _add_demo(commands: "argparse._SubParsersAction[Parser]") -> None:
    demo = _add(
        commands,
        "demo",
        "the whole unit on this machine: real frames, simulated devices, a dump at the end",
        "trapnode.cli.demo:demo",
        "trapnode demo --sequences ~/old-card --out /tmp/demo",
    )
    demo.add_argument(
        "--sequences", metavar="DIR", help="replay the bursts in DIR, one folder of pictures each"
    )
    demo.add_argument(
        "--sealed", action="store_true", help="the unit seals its pictures to keys made in OUT"
    )
    demo.add_argument(
        "--modem",
        choices=["sbd", "lorawan"],
        default="sbd",
        help="a satellite modem, or a LoRaWAN module (default: %(default)s)",
    )
    demo.add_argument("--out", metavar="DIR", default="demo-out", help="default: %(default)s")
    demo.add_argument(
        "--rate", type=float, default=60.0, help="simulated seconds a second (default: 60)"
    )


def _add_practise(commands: "argparse._SubParsersAction[Parser]") -> None:
    practise = _add(
        commands,
        "practise",
        "a simulated unit at a desk, this terminal its cable: practise a technician's visit",
        "trapnode.cli.practice:practise",
        "trapnode practise --language ru",
    )
    practise.add_argument(
        "--out", metavar="DIR", default="practice-out", help="default: %(default)s"
    )
    practise.add_argument(
        "--language", default="en", help="of the console: en, ru, zh (default: en)"
    )


def _add_twin(commands: "argparse._SubParsersAction[Parser]") -> None:
    twin = _add(
        commands,
        "twin-modem",
        "the simulated modem on a pseudo-terminal, as the demo uses it",
        "trapnode.cli.twin_modem:twin_modem",
        "trapnode twin-modem --twins /tmp/demo/world",
    )
    twin.add_argument("--twins", metavar="DIR", required=True, help="the world's folder")


def _add_desk(commands: "argparse._SubParsersAction[Parser]") -> None:
    status = _add(
        commands,
        "status",
        "what a technician must know, one screen",
        "trapnode.cli.desk:status",
        "trapnode status --json",
    )
    _add_config(status)
    status.add_argument("--json", action="store_true", help="the snapshot as JSON")
    _add_classify(commands)
    packages.add_commands(_add, commands)
    stick.add_commands(_add, commands)
    receive.add_commands(_add, commands)
    technician.add_commands(_add, commands)
    provision.add_command(_add, commands)
    _add_model(commands)
    decode.add_command(_add, commands)
    config = _add(
        commands,
        "config",
        "check the configuration, or show it with every default",
        "trapnode.cli.desk:config",
        "trapnode config check --config /etc/trapnode/config.toml",
    )
    config.add_argument("action", choices=["check", "show"])
    _add_config(config)
    _add_keys(commands)


def _add_keys(commands: "argparse._SubParsersAction[Parser]") -> None:
    keys = _add(
        commands,
        "keys",
        "make or prove the keys that open pictures; tell the card's radio key for the receiver",
        "trapnode.cli.keys:keys",
        "trapnode keys new park.key escrow.key",
    )
    keys.add_argument("action", choices=["new", "verify", "radio"])
    keys.add_argument("files", metavar="FILE", nargs="*", help="files of private halves")
    _add_config(keys)
    unseal = _add(
        commands,
        "unseal",
        "open the pictures of a sealed dump, where it lies",
        "trapnode.cli.keys:unseal",
        "trapnode unseal /data/AL07 --key park.key",
    )
    unseal.add_argument("dump", metavar="DUMP", help="folder of the package")
    unseal.add_argument("--key", metavar="FILE", required=True, help="file of private halves")


def _add_classify(commands: "argparse._SubParsersAction[Parser]") -> None:
    classify = _add(
        commands,
        "classify",
        "the sorter's classifier over any folder of pictures",
        "trapnode.cli.desk:classify",
        "trapnode classify old-card/ --by-folder --csv labels.csv --json md.json",
    )
    _add_config(classify)
    classify.add_argument("paths", metavar="PATH", nargs="+", help="pictures and folders")
    classify.add_argument("--csv", metavar="FILE", help="one row a frame; - is standard output")
    classify.add_argument(
        "--json", metavar="FILE", help="MegaDetector batch output 1.6; - is standard output"
    )
    classify.add_argument(
        "--by-folder", action="store_true", help="each folder is a sequence with one verdict"
    )


def _add_model(commands: "argparse._SubParsersAction[Parser]") -> None:
    install = "trapnode model install /media/stick/amur.json"
    does = "swap the unit's set of models: a new one judges only after its self-test"
    model = _add(commands, "model", does, "trapnode.cli.model:model_list", install)
    actions = model.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, does: str, example: str) -> argparse.ArgumentParser:
        action = _add(actions, name, does, f"trapnode.cli.model:model_{name}", example)
        _add_config(action)
        return action

    does = "test a set; one that passes judges from the next sequence on"
    add("install", does, install).add_argument(
        "card", metavar="CARD", help="a set's card (.json), its models beside it"
    )
    add("list", "the sets of this unit, the one that judges first", "trapnode model list")
    test = add("test", "self-test of a set: known frames, time, memory", "trapnode model test")
    test.add_argument(
        "card", metavar="CARD", nargs="?", help="a set's card or name (default: the first)"
    )
    add("rollback", "let the set before judge again", "trapnode model rollback")


def _add(
    commands: "argparse._SubParsersAction[Parser]",
    name: str,
    does: str,
    run: str,
    example: str,
) -> Parser:
    command = commands.add_parser(
        name, help=does, description=does[0].upper() + does[1:] + ".", epilog=f"example: {example}"
    )
    command.set_defaults(run=run)
    return command


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config", metavar="FILE", default=CONFIG, help="configuration (default: %(default)s)"
    )
