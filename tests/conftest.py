"""What every test may ask for: an open store in a fresh folder, a stepped clock, a run folder."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from PIL import ImageFile

from tests.archives import Sightings, a_day, sightings
from tests.faults import Power
from trapnode.sim.clock import SteppedClock
from trapnode.store.store import Store

# The same examples everywhere, however busy the machine; `--hypothesis-profile=explore` looks on.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def strict_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what megadetector-utils does on import: take torn pictures for whole ones."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def card() -> Iterator[Path]:
    """Give a fresh folder in RAM: many thousand lives begin and end there."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def store(state: Path) -> Iterator[Store]:
    power = Power()
    yield power.open(state)
    power.end()


@pytest.fixture(scope="session")
def a_day_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the store of a day once: its pictures and syncs cost more than most tests of it."""
    state = tmp_path_factory.mktemp("day") / "state"
    a_day(state).store.close()
    return state


@pytest.fixture
def day(a_day_made: Path, tmp_path: Path) -> Iterator[Sightings]:
    """Give a store of its own that holds one of everything."""
    seen = sightings(shutil.copytree(a_day_made, tmp_path / "state"))
    yield seen
    seen.store.close()
