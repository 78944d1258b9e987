"""Coverage-guided fuzzing (atheris) of every parser in tests/parsers.py, each in a process.

usage: python -m tests.rig.fuzz [SECONDS [TARGET ...]]    SECONDS for each target (default: 60)

A process that takes more than 512 MiB, or 10 s for one input, is a finding, too. What was found is
left in a folder that is named.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_MIB, LONGEST_S, MOST_BYTES = 512, 10, 4096
EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")
COVERED = re.compile(r"cov: (\d+)")
PEAK = re.compile(r"stat::peak_rss_mb: +(\d+)")
CHILD = "--child"


def main(arguments: list[str]) -> int:
    """Fuzz the targets one after the other; give 1 if one was found wanting."""
    if arguments and arguments[0] == CHILD:
        _child(arguments[1], arguments[2:])
    seconds = int(arguments[0]) if arguments else 60
    from tests.parsers import TARGETS

    total, found = 0, []
    for name in arguments[1:] or TARGETS:
        executed, wanting = fuzz(name, seconds)
        total += executed
        found += [name] if wanting else []
    verdict = f"findings in {', '.join(found)}" if found else "no finding"
    print(f"{total} inputs to {len(arguments[1:] or TARGETS)} parsers: {verdict}")
    return int(bool(found))


def fuzz(name: str, seconds: int) -> tuple[int, bool]:
    """Fuzz one target; give the inputs it ran, and whether something was found."""
    from tests.parsers import SEEDS

    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed{number}").write_bytes(seed)
    bounds = (
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MOST_MIB}",
        f"-timeout={LONGEST_S}",
        f"-max_len={MOST_BYTES}",
        f"-artifact_prefix={folder}/found-",
        "-print_final_stats=1",
    )
    command = [sys.executable, "-m", "tests.rig.fuzz", CHILD, name, *bounds, str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 4 + 120)
    said = done.stdout + done.stderr
    executed, peak = _last(EXECUTED, said), _last(PEAK, said)
    verdict = "nothing found" if done.returncode == 0 else f"FOUND, in {folder}"
    print(f"{name}: {executed} inputs, {_last(COVERED, said)} edges, {peak} MiB: {verdict}")
    if done.returncode:
        print(said[max(said.find("=== Uncaught"), 0) :][:3000])
    else:
        shutil.rmtree(folder)
    return executed, done.returncode != 0


def _last(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.findall(text)
    return int(found[-1]) if found else 0


def _child(name: str, bounds: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["trapnode"]):
        from tests.parsers import TARGETS
    atheris.Setup([sys.argv[0], *bounds], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
