"""A stick in the unit: who gets what, what the technician sees, and pulling it at every step."""

import errno
import os
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.archives import DESK, K07, NOON, scores, sightings
from tests.sealed import sealing_in
from tests.technician import answered, unit_at
from trapnode.dump.stick import Stick, Terms
from trapnode.errors import ConfigError, StoreError, UsageError
from trapnode.model import ClockTrust
from trapnode.policy.authorisation import FILE, NotAuthorised, authorisation, unit_key
from trapnode.sim.clock import SteppedClock
from trapnode.sim.led import SimLed
from trapnode.store import ram
from trapnode.words import Light, StickState

SECRET = bytes(range(32))
TERMS = Terms(
    unit="AL07",
    utc_offset_min=600,
    key=unit_key(SECRET, "AL07"),
    seals=False,
    now=datetime(2026, 12, 1, 15, tzinfo=UTC),  # The 2nd, by the unit's time.
    trust=ClockTrust.RTC,
)


class Port:
    """A unit's port with folders as sticks; each second, so many bytes go by."""

    def __init__(self, folder: Path, store) -> None:
        self.mount, self.run, self.store = folder / "stick", folder / "run", store
        self.run.mkdir()
        ram.write_snapshot(self.run, {"unit": "AL07", "monotonic_s": 0.0, "faults": []})
        self.led, self.clock, self.mounted = SimLed(), SteppedClock(), True
        self.seen: list[str] = []  # What a technician who looks all the time would read.

    @property
    def stick(self) -> Stick:
        return Stick(self.mount, self.run, self.led, lambda _: self.mounted)

    def line(self) -> str | None:
        """Read what the console says of the stick."""
        answer = answered(unit_at(self.run), "status")
        return next((each[10:] for each in answer if each.startswith("stick ")), None)

    def plug(self, terms: Terms = TERMS, content: bytes | None = None) -> None:
        """Plug in a stick, until the unit has done with it; raise what the command would."""
        self.mount.mkdir(exist_ok=True)
        if content is not None:
            (self.mount / FILE).write_bytes(content)

        def monotonic() -> float:
            self.clock.step(0.5)
            self.seen.append(self.line() or "")
            return self.clock.monotonic()

        self.mounted, stick = True, self.stick
        try:
            with stick.telling():
                stick.copy(self.store, terms, monotonic)
        finally:
            self.mounted = False
            self.stick.release()  # Another process does.


GOOD = authorisation(SECRET, ["AL06", "AL07"], None)


@pytest.fixture
def port(tmp_path):
    """The port of a unit with one leopard."""
    seen = sightings(tmp_path / "state")
    seen.judge(seen.see(NOON), "leopard", [scores(leopard=0.9)] * 3)
    yield Port(tmp_path, seen.store)
    seen.store.close()


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_authorised_stick_gets_the_whole_dump_and_may_be_pulled(port, tmp_path):
    before = files(tmp_path / "state" / "archive")
    port.plug(content=GOOD)
    found = files(port.mount / "AL07")
    assert {"SHA256SUMS", "datapackage.json", "index.html", "INCOMPLETE.txt"} <= found.keys()
    assert sum(name.startswith("media/") for name in found) == 3
    assert port.line() == "done, pull it: 1 sequences, 0 MB"
    assert port.led.showed == [Light.OFF, Light.SLOW, Light.ON]
    assert files(tmp_path / "state" / "archive") == before
    port.stick.gone()
    assert port.line() == "done and pulled: 1 sequences, 0 MB"
    assert port.led.shows is Light.OFF


def test_the_desks_file_on_the_stick_gives_the_places(port):
    port.mount.mkdir()
    (port.mount / "deployments.toml").write_text(DESK + K07, "utf-8")
    port.plug(content=GOOD)
    assert "INCOMPLETE.txt" not in files(port.mount / "AL07")
    assert b"43.1234" in (port.mount / "AL07" / "deployments.csv").read_bytes()
    (port.mount / "deployments.toml").write_text("[project", "utf-8")
    with pytest.raises(ConfigError):
        port.plug()
    assert port.line().startswith("refused: deployments.toml: not TOML")


def test_a_second_stick_waits_for_the_first_and_changes_nothing_of_what_is_said(port, tmp_path):
    second = Stick(tmp_path / "other", port.run, port.led, lambda _: port.mounted)
    for state, line in (("copying", "copying, it has just begun"), ("copied", "1 sequences")):
        ram.write_stick(port.run, StickState(state), line, port.mount)
        with pytest.raises(UsageError, match="another stick is written to"), second.telling():
            raise AssertionError("it was not refused")
        second.release()
        second.gone()
        assert port.line() == line
    assert port.led.showed == [Light.OFF]


@pytest.mark.parametrize(("state", "mounted"), [("done", True), ("copying", False)])
def test_a_stick_that_is_done_or_was_pulled_stands_in_nobodys_way(port, tmp_path, state, mounted):
    port.mounted = mounted
    ram.write_stick(port.run, StickState(state), "as it was", port.mount)
    second = Stick(tmp_path / "other", port.run, port.led, lambda _: port.mounted)
    with second.telling():
        assert port.line() == "copying, it has just begun"
    port.stick.gone()
    assert port.line() == "copying, it has just begun", "the first one has no word any more"


def test_the_line_tells_how_far_it_is_and_how_long_it_takes(port):
    port.plug(content=GOOD)
    copying = [each for each in port.seen if "left" in each]
    assert len(copying) >= 5
    assert all(each.startswith("copying ") and " MB, " in each for each in copying)
    assert copying[-1].endswith("MB, 0 s left")


@pytest.mark.parametrize(
    ("content", "terms", "says"),
    [
        (None, TERMS, "TRAPNODE.auth is not on it"),
        (b"", TERMS, "TRAPNODE.auth does not begin with 'trapnode stick 1'"),
        (authorisation(SECRET, ["AL08"], None), TERMS, "TRAPNODE.auth does not name AL07"),
        (
            authorisation(bytes(32), ["AL07"], None),
            TERMS,
            "TRAPNODE.auth is forged, or made with another secret",
        ),
        (
            authorisation(SECRET, ["AL07"], date(2026, 12, 1)),
            TERMS,
            "TRAPNODE.auth ended 2026-12-01, today is 2026-12-02",
        ),
        (
            authorisation(SECRET, ["AL07"], date(2026, 12, 31)),
            replace(TERMS, trust=ClockTrust.NONE),
            "TRAPNODE.auth ends 2026-12-31, this unit's clock is not set",
        ),
        (GOOD, replace(TERMS, key=b""), "this unit has no stick.key"),
        (GOOD, replace(TERMS, key=b"", seals=True), "this unit has no stick.key"),
    ],
)
def test_a_stick_that_may_not_have_them_gets_nothing(port, content, terms, says):
    with pytest.raises(NotAuthorised):
        port.plug(terms, content)
    assert port.line().startswith(f"refused: {says}")
    assert port.led.shows is Light.FAST
    assert files(port.mount).keys() <= {FILE}
    port.stick.gone()  # On a board with one port the console comes only now.
    assert port.line().startswith(f"refused: {says}")
    assert port.led.shows is Light.OFF


def test_an_authorisation_that_cannot_be_read_is_none(port):
    (port.mount / FILE).mkdir(parents=True)
    with pytest.raises(NotAuthorised):
        port.plug()
    assert port.line() == "refused: TRAPNODE.auth cannot be read: Is a directory"


def test_a_stick_that_is_not_mounted_gets_nothing(port):
    port.mounted = False
    with pytest.raises(UsageError), port.stick.telling():
        port.stick.copy(port.store, TERMS, port.clock.monotonic)
    assert port.line() == "refused: it cannot be mounted: format it as FAT32 or exFAT"
    assert not port.mount.exists()


@pytest.fixture
def sealed(tmp_path):
    """The port of a unit that seals."""
    (tmp_path / "copies").mkdir()
    seen = sightings(tmp_path / "state", sealing_in(tmp_path / "copies"))
    seen.see(NOON)
    yield Port(tmp_path, seen.store)
    seen.store.close()


def test_sealed_pictures_go_without_authorisation(sealed):
    sealed.plug(replace(TERMS, key=b"", seals=True))
    pictures = [name for name in files(sealed.mount / "AL07") if name.startswith("media/")]
    assert len(pictures) == 3
    assert all(name.endswith(".jpg.age") for name in pictures)
    assert sealed.led.shows is Light.ON


def test_a_unit_that_seals_no_more_asks_for_authorisation(sealed):
    with pytest.raises(NotAuthorised):
        sealed.plug()


@pytest.mark.parametrize("column", ["mark", "preview_mark"])
def test_one_picture_that_lies_open_asks_for_authorisation(sealed, column):
    with sealed.store.database.transaction():
        sealed.store.database.run(f"UPDATE frame SET {column} = '' WHERE number = 2")
    with pytest.raises(NotAuthorised):
        sealed.plug(replace(TERMS, seals=True))
    assert files(sealed.mount) == {}


def test_a_stick_with_strangers_files_in_the_way_is_refused(port):
    (port.mount / "AL07").mkdir(parents=True)
    (port.mount / "AL07" / "thesis.txt").write_text("years")
    with pytest.raises(UsageError):
        port.plug(content=GOOD)
    assert (
        port.line()
        == "refused: "
        + str(port.mount / "AL07").replace(f"{port.mount}/", "")
        + ": holds other files: give an empty or a new folder"
    )


def test_what_cannot_be_unmounted_may_not_be_pulled(port):
    port.mount.mkdir()
    (port.mount / FILE).write_bytes(GOOD)
    with port.stick.telling():
        port.stick.copy(port.store, TERMS, port.clock.monotonic)
    port.stick.release()
    assert port.line() == "failed: it cannot be unmounted"
    assert port.led.shows is Light.FAST


def test_a_dump_that_was_killed_says_so(port):
    with port.stick.telling():
        pass  # Killed: nobody says another word.
    port.stick.release()
    assert port.line() == "failed: the dump ended early: the journal says why"


def test_a_stick_that_is_pulled_while_it_is_written_is_to_be_plugged_in_again(port):
    port.stick.gone()
    assert port.line() is None
    with port.stick.telling():
        port.stick.gone()
    assert port.line() == "pulled, and not done: plug it in again"
    assert port.led.shows is Light.OFF


class Wire:
    """What the kernel says of a stick from the `cut`th operation on."""

    def __init__(self, mount: Path, cut: int, code: int) -> None:
        self.left, self._mount, self._code = cut, str(mount), code
        self._descriptors: dict[int, bool] = {}

    def on(self, patch: pytest.MonkeyPatch) -> None:
        """Lay it between the program and the system."""
        for name in ("rename", "mkdir", "unlink", "open", "writev", "readv", "fsync"):
            patch.setattr(os, name, self._between(name, getattr(os, name)))

    def _between(self, name: str, call):
        def step(subject, *rest, **more):
            ours = (
                self._descriptors.get(subject, False)
                if isinstance(subject, int)
                else os.fspath(subject).startswith(self._mount)
            )
            if ours and self._minds(name, rest):
                self.left -= 1
                if self.left < 1:
                    raise OSError(self._code, os.strerror(self._code))
            given = call(subject, *rest, **more)
            if name == "open":
                self._descriptors[given] = ours
            return given

        return step

    def _minds(self, name: str, rest) -> bool:
        """A full stick still reads, syncs and renames."""
        if self._code == errno.EIO:
            return True
        return name in ("mkdir", "writev") or (name == "open" and bool(rest[0] & os.O_CREAT))


@pytest.mark.parametrize(
    ("code", "state", "least"),
    [(errno.EIO, StickState.FAILED, 60), (errno.ENOSPC, StickState.FULL, 20)],
)
def test_a_stick_pulled_or_full_at_any_step_costs_nothing(port, tmp_path, code, state, least):
    before = files(tmp_path / "state" / "archive")
    port.plug(content=GOOD)
    whole = files(port.mount)
    for cut in range(1, 500):
        shutil.rmtree(port.mount)
        wire = Wire(port.mount, cut, code)
        with pytest.MonkeyPatch.context() as patch:
            port.mount.mkdir()
            (port.mount / FILE).write_bytes(GOOD)
            wire.on(patch)
            try:
                port.plug()
                break
            except StoreError:
                pass
        assert ram.read_stick(port.run)[0] is state, (cut, port.line())
        assert port.line().startswith(state.value)
        assert port.led.shows is Light.FAST
        found = files(port.mount)
        if "AL07/SHA256SUMS" in found:  # Only what comes after it was lost.
            assert found.items() >= whole.items()
        assert all(whole[name] == data for name, data in found.items() if name.endswith(".jpg"))
        port.stick.gone()
        assert (ram.read_stick(port.run)[0], port.led.shows) == (state, Light.OFF)
        assert files(tmp_path / "state" / "archive") == before
        if cut % 4 == 1:  # It takes longer than the cut.
            port.plug()
            assert files(port.mount) == whole
            assert port.led.shows is Light.ON
    assert least < cut < 499


def test_the_next_stick_brings_only_what_is_new_and_the_unit_lives_on(port):
    port.plug(content=GOOD)
    first = files(port.mount)
    seen = sightings(port.store.state)
    seen.see(NOON + timedelta(hours=1))
    seen.store.close()
    port.plug()
    assert files(port.mount).keys() > first.keys()
    assert port.line().startswith("done, pull it: 2 sequences")
