"""A technician's visit: what the console asks, what station and uplinker answer."""

import json
from datetime import UTC, datetime

import pytest

from tests.fakes import After, NumberedCamera, boot, number_of, station_of
from trapnode.errors import DeviceError, LinkUnavailable
from trapnode.sim.clock import SteppedClock
from trapnode.sim.pir import ScriptedPir
from trapnode.store import remarks, visit
from trapnode.store.visit import UplinkVisit


class Errands:
    """What happens at which moment of a station's run; it ends after the last."""

    def __init__(self, clock: SteppedClock, *errands) -> None:
        self._clock, self._left = clock, list(errands)

    def __call__(self) -> bool:
        while self._left and self._clock.monotonic() >= self._left[0][0]:
            self._left.pop(0)[1]()
        return not self._left


def visited(store, run, clock, spans, *errands) -> None:
    """Run a station before a PIR while a technician does errands."""
    pir = ScriptedPir(clock.monotonic, spans)
    loop = station_of(store, run, boot(store))
    loop.run(pir, NumberedCamera(clock), clock, After(Errands(clock, *errands)), lambda fault: None)
    pir.close()


def test_who_walks_before_the_unit_is_counted_and_not_pictured(store, run, clock):
    seen = []
    visited(
        store,
        run,
        clock,
        [(12.0, 0.1), (20.0, 0.1), (45.0, 0.1)],
        (10.0, lambda: visit.ask_station(run, 7, 40.0, shoot=False)),
        (30.0, lambda: seen.append(visit.seen(run))),
        (60.0, lambda: None),
    )
    assert (seen[0].number, seen[0].edges) == (7, 2)
    assert [each.trigger.monotonic_s for each in store.sequences.all()] == [45.0]  # After the walk.


def test_a_test_picture_is_in_ram_and_on_no_card(store, run, clock):
    visited(
        store,
        run,
        clock,
        [],
        (10.0, lambda: visit.ask_station(run, 9, 10.0, shoot=True)),
        (30.0, lambda: None),
    )
    assert visit.seen(run).pictured == 9
    assert number_of(visit.picture(run)) is not None
    assert not list(store.sequences.all())
    with pytest.raises(DeviceError, match=r"seen\.jpg"):
        visit.picture(run)  # It is taken out of RAM once it was looked at.


def test_no_request_stops_bursts_for_long(store, run, clock):
    visited(
        store,
        run,
        clock,
        [(200.0, 0.1)],
        (10.0, lambda: visit.ask_station(run, 3, 1e9, shoot=False)),
        (260.0, lambda: None),
    )
    assert [each.trigger.monotonic_s for each in store.sequences.all()] == [200.0]


def test_what_was_asked_of_an_earlier_life_is_not_done(store, run, clock):
    visit.ask_station(run, 5, 1e9, shoot=True)
    visited(store, run, clock, [(20.0, 0.1)], (60.0, lambda: None))
    assert visit.seen(run) is None
    assert len(list(store.sequences.all())) == 1


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"number": "x"}', '{"number": 4, "until_s": "x", "picture": 1}']
)
def test_a_request_that_makes_no_sense_costs_no_picture(store, run, clock, content):
    visited(
        store,
        run,
        clock,
        [(20.0, 0.1)],
        (10.0, lambda: (run / "look.json").write_text(content)),
        (60.0, lambda: None),
    )
    assert len(list(store.sequences.all())) == 1
    for read in (visit.said, visit.seen):
        (run / f"{read.__name__}.json").write_text(content)
        assert read(run) is None


class Probed:
    """A modem that says one thing or another."""

    def __init__(self, *said) -> None:
        self._said = list(said)

    def about(self) -> str:
        said = self._said.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


def test_the_modem_is_asked_once_for_each_question(run):
    bell, modem = UplinkVisit(run), Probed("IMEI 1, signal 3 of 5", LinkUnavailable("no sky"))
    bell.answer(modem, print, 5.0)
    assert visit.said(run) is None
    visit.ask_modem(run, 4)
    for _ in range(3):
        bell.answer(modem, print, 5.0)
    assert visit.said(run) == visit.Said(4, "IMEI 1, signal 3 of 5", fault=False)
    visit.ask_modem(run, 5)
    bell.answer(modem, print, 5.0)
    assert visit.said(run) == visit.Said(5, "no sky", fault=True)


def test_a_clock_is_set_to_what_it_is_by_now(run):
    uplinker, told = UplinkVisit(run), []
    visit.ask_clock(run, 8, datetime(2026, 11, 22, 4, 30, tzinfo=UTC), 100.0)
    uplinker.answer(Probed(), told.append, 142.0)
    uplinker.answer(Probed(), told.append, 150.0)
    assert told == [datetime(2026, 11, 22, 4, 30, 42, tzinfo=UTC)]
    assert visit.said(run) == visit.Said(8, "2026-11-22 04:30:42", fault=False)


@pytest.mark.parametrize("asked", [{}, {"at": "x", "monotonic_s": 1}, {"at": "2026-11-22"}])
def test_a_clock_that_cannot_be_set_is_said(run, asked):
    def refuse(_at: datetime) -> None:
        raise DeviceError("not permitted")

    uplinker = UplinkVisit(run)
    (run / "clock.json").write_text(json.dumps({"number": 3, **asked}))
    uplinker.answer(Probed(), refuse, 142.0)
    assert visit.said(run).fault
    visit.ask_clock(run, 4, datetime(2026, 11, 22, tzinfo=UTC), 1.0)
    uplinker.answer(Probed(), refuse, 142.0)
    assert visit.said(run) == visit.Said(4, "not permitted", fault=True)


def test_a_technician_is_here_while_lines_come_and_the_cable_is_in(run):
    assert not remarks.technician_here(run, 5)
    remarks.visit(run, 5)
    assert remarks.technician_here(run, 600)
    assert not remarks.technician_here(run, 606)
    remarks.visit(run, 700)
    remarks.leave(run)
    assert not remarks.technician_here(run, 701)


def test_a_full_ram_costs_nothing_but_the_answer(tmp_path, clock):
    gone = tmp_path / "gone"
    remarks.visit(gone, 1)
    remarks.leave(gone)
    visit.ask_modem(gone, 1)
    assert remarks.radio(gone, 1) is remarks.tested(gone, 1) is None
