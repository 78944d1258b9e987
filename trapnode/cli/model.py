"""The command `model`: the unit's sets of models, and how they are swapped in the field."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode import __version__
from trapnode.choosing import Chooser
from trapnode.cli.desk import read_or_defaults
from trapnode.cli.judges import card_of, load_judge
from trapnode.config import Config
from trapnode.devices.cards import ModelRefused, content, set_files
from trapnode.errors import StoreError, TrapnodeError, UsageError
from trapnode.store.disk import Disk, RealDisk
from trapnode.store.sets import CONFIGURED, DEATHS, MODELS, Package, Proof, Sets

if TYPE_CHECKING:
    import argparse

__all__ = ["chooser", "model_install", "model_list", "model_rollback", "model_test", "package"]


def chooser(config: Config, disk: Disk) -> Chooser:
    """Give the sorter its source of judges."""
    sorter = config.sorter
    return Chooser(
        _sets_of(config, disk),
        lambda card: load_judge(card or sorter.model, sorter.targets),
        Path(config.paths.run),
        sorter.model,
    )


def model_install(arguments: "argparse.Namespace") -> None:
    """Put a set on the unit, test it there, and let it judge if it passes."""
    config = read_or_defaults(arguments)
    _check_owner(Path(config.paths.state))
    own, new = _sets_of(config), package(Path(arguments.card))
    _check_name(new, config)
    try:
        proof = _proved(own.put(new), new, config)
        after = own.admit(new.name, proof)
    finally:
        with contextlib.suppress(StoreError):  # Then the next install clears.
            own.clear()
    print(f"{new.name} judges from the next sequence on: {_figures(proof)}; before: {after}")


def model_test(arguments: "argparse.Namespace") -> None:
    """Run the self-test of a set by its name or card; of the first one if none is named."""
    config = read_or_defaults(arguments)
    own = _sets_of(config)
    name = arguments.card or own.order()[0]
    if name == CONFIGURED:
        card = card_of(config.sorter.model)
    else:
        card = own.card(name) if name in own.order() else Path(name)
    new = package(card)
    print(f"{new.name} passes: {_figures(_proved(card, new, config))}")


def model_list(arguments: "argparse.Namespace") -> None:
    """List the sets of the unit, the one that judges first; say of each what is wrong."""
    config = read_or_defaults(arguments)
    own = _sets_of(config)
    for name in own.order():
        try:
            print(f"{name}: {_state(own, name, config)}")
        except TrapnodeError as error:
            print(f"{name}: ! passed over: {error}")


def model_rollback(arguments: "argparse.Namespace") -> None:
    """Let the second set be the first again."""
    config = read_or_defaults(arguments)
    _check_owner(Path(config.paths.state))
    first, second = _sets_of(config).rollback()
    print(f"{first} judges from the next sequence on; before: {second}")


def package(card: Path) -> Package:
    """Read a set by its card, each model as its own card promises it; raise ModelRefused."""
    name, cards, models = set_files(card)
    try:
        files = {path.name: path.read_bytes() for path in cards}
    except OSError as error:
        raise ModelRefused(f"model card {card}: {error}") from error
    files |= {model.path.name: content(model) for model in models}
    return Package(name, tuple(path.name for path in cards), files)


def _proved(card: Path, new: Package, config: Config) -> Proof:
    from trapnode.cli.prove import prove
    from trapnode.proving import Limits

    sorter = config.sorter
    limits = Limits(sorter.frame_max_s, sorter.memory_max_mib)
    found = prove(card, sorter.targets, limits)
    return Proof(new.cards, new.sha256, found.frame_s, found.peak_mib, __version__)


def _state(own: Sets, name: str, config: Config) -> str:
    if name == CONFIGURED:
        return f"sorter.model = {config.sorter.model}: {set_files(card_of(config.sorter.model))[0]}"
    own.card(name)
    if (deaths := own.deaths(name)) >= DEATHS:
        return f"! passed over: it ended the sorter {deaths} times before it judged a sequence"
    return _figures(own.proof(name))


def _figures(proof: Proof) -> str:
    return f"{proof.frame_s:.2f} s a frame, {proof.peak_mib:.0f} MiB"


def _sets_of(config: Config, disk: Disk | None = None) -> Sets:
    return Sets(Path(config.paths.state) / MODELS, disk or RealDisk())


def _check_owner(state: Path) -> None:
    """Refuse to leave files that the sorter cannot read; raise UsageError."""
    try:
        owner = state.stat().st_uid
    except OSError as error:
        raise UsageError(f"{state}: no store of a unit: {error.strerror}") from error
    if owner != os.geteuid():
        raise UsageError(
            f"{state} belongs to user {owner}, this is user {os.geteuid()}:"
            " run it as sudo -u trapnode trapnode model ..."
        )


def _check_name(new: Package, config: Config) -> None:
    """Refuse a set that records could not tell from the configured one; raise UsageError."""
    try:
        other = package(card_of(config.sorter.model))
    except ModelRefused:  # It judges nothing.
        return
    if other.name == new.name and other.sha256 != new.sha256:
        raise UsageError(
            f"{new.name} is what sorter.model is called, with other contents:"
            " give the new set another version"
        )
