"""The PIR's edges: those of our own radio are masked, spikes are counted, no leopard is lost."""

from contextlib import closing

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from tests.fakes import After as Until
from tests.fakes import NumberedCamera, boot, station_of
from tests.test_pir import PIN, DrivenPin, pulse
from trapnode.devices.pir import SPIKE_S, GpioPir
from trapnode.policy.pir import PirCount, pir_faults
from trapnode.sim.pir import ScriptedPir
from trapnode.store.busy import LONGEST_S, Busy
from trapnode.store.consent import ask, consented
from trapnode.store.watched import AFTER_S, HOLD_S, WatchedPir, read_pir


@pytest.fixture
def watched(run, clock):
    """A watched PIR by its script."""
    made = []

    def watched(*spans):
        made.append(WatchedPir(ScriptedPir(clock.monotonic, spans), run, clock))
        return made[-1]

    yield watched
    for each in made:
        each.close()


@pytest.fixture
def radio(run, clock):
    """The uplinker's mark."""
    return Busy(run, "modem", clock.monotonic)


def test_without_a_radio_every_edge_is_taken(watched, clock, run):
    pir = watched((5, 0.01), (9, 1))
    clock.step(5.1)
    assert pir.edges() == [5]
    clock.step(4)
    assert pir.edges() == [9]
    assert pir.edges() == []
    assert read_pir(run) == PirCount(edges=2)


def test_a_spike_of_our_own_radio_is_masked_and_counted(watched, radio, clock, run):
    pir = watched((5, 0.02))
    clock.step(4)
    with radio.during():
        clock.step(1.01)
        assert pir.edges() == []
    clock.step(1)
    assert pir.edges() == []
    assert read_pir(run) == PirCount(edges=1, masked=1)


def test_an_animal_before_a_transmitting_radio_is_taken_at_its_own_moment(
    watched, radio, clock, run
):
    pir = watched((5, 2.0))
    clock.step(4)
    with radio.during():
        clock.step(1)
        assert pir.edges() == [5]
    assert clock.monotonic() == pytest.approx(5 + HOLD_S)
    clock.step(5)
    pir.edges()
    assert read_pir(run) == PirCount(edges=1, held=1)


@pytest.mark.parametrize("late_s", [0.0, 0.1, 0.29])
def test_the_shortest_pulse_of_a_pir_is_never_masked(watched, radio, clock, late_s):
    pir = watched((5, 0.3))
    with radio.during():
        clock.step(5 + late_s)
        assert pir.edges() == [5]


@pytest.mark.parametrize(("late_s", "taken"), [(0.1, []), (0.3, [5]), (4.0, [5])])
def test_an_edge_that_waited_too_long_to_be_watched_is_taken(
    watched, radio, clock, run, late_s, taken
):
    """Another burst, or a step of the repair, had the station; the pulse is over by then."""
    pir = watched((5, 0.05))
    with radio.during():
        clock.step(5 + late_s)
        assert pir.edges() == taken
        clock.step(1)
        pir.edges()
    count = read_pir(run)
    assert (count.edges, count.masked + count.held, count.held) == (1, 1, len(taken))


def test_a_leopard_during_the_repair_and_a_session_is_taken(store, run, clock, radio, monkeypatch):
    def slow_repair(_store):
        yield
        clock.step(8)
        yield

    monkeypatch.setattr(type(store), "repair_steps", slow_repair)
    pir = WatchedPir(ScriptedPir(clock.monotonic, [(3, 1.5)]), run, clock)
    with radio.during(), closing(pir):
        station_of(store, run, boot(store)).run(
            *(pir, NumberedCamera(clock), clock),
            Until(lambda: clock.monotonic() > 20),
            lambda fault: None,
        )
    assert store.database.rows("SELECT monotonic_s FROM sequence") == [(3.0,)]


@pytest.mark.parametrize(("after_s", "masked"), [(0.0, True), (0.4, True), (AFTER_S, False)])
def test_the_radio_rings_on_for_half_a_second(watched, radio, clock, after_s, masked):
    with radio.during():
        clock.step(30)
    pir = watched((30 + after_s, 0.01))
    clock.step(after_s + 0.02)
    assert bool(pir.edges()) is not masked


def test_a_radio_that_was_killed_in_a_session_masks_nothing_for_ever(watched, radio, clock):
    radio.during().__enter__()
    pir = watched((LONGEST_S + 1, 0.01))
    clock.step(LONGEST_S + 1.005)
    assert len(pir.edges()) == 1


def test_a_masked_edge_takes_the_consent_back_all_the_same(watched, radio, clock, run):
    pir = watched((5, 0.02))
    ask(run, 1)
    pir.edges()
    assert consented(run, 1)
    clock.step(4)
    with radio.during():
        clock.step(1.01)
        pir.edges()
    assert not consented(run, 1)


def test_no_script_of_animals_loses_one_to_the_radio(store, run, clock, radio):
    """A second and longer each, while the radio is on for ever: a sequence of each."""
    spans = [(start, 1.0 + start % 3) for start in range(20, 200, 20)]
    pir = WatchedPir(ScriptedPir(clock.monotonic, spans), run, clock)
    with radio.during():
        station_of(store, run, boot(store)).run(
            *(pir, NumberedCamera(clock), clock),
            Until(lambda: clock.monotonic() > 230),
            lambda fault: None,
        )
    pir.close()
    triggers = store.database.rows("SELECT monotonic_s FROM sequence ORDER BY id")
    taken = [moment for (moment,) in triggers]
    for start, _ in spans:
        assert any(start <= moment <= start + 0.5 for moment in taken), start


def test_on_a_noisy_wire_an_edge_must_last_and_an_animal_does(run, clock):
    """Twenty spikes are pictures of nothing; what comes after them must be a PIR's pulse."""
    spikes = [(float(at), 0.02) for at in range(1, 31)]
    pir = ScriptedPir(clock.monotonic, [*spikes, (40.0, 0.3), (50.0, 0.02)])
    heard = WatchedPir(pir, run, clock)
    taken = []
    while (next_s := pir.next_s()) is not None:
        clock.step(next_s + 0.01 - clock.monotonic())
        taken += heard.edges()
        clock.step(0.02)
        pir.spikes = sum(at + 0.02 <= clock.monotonic() for at, _ in spikes)
        heard.edges()
    heard.close()
    assert taken == [*(at for at, _ in spikes[:20]), 40.0]
    assert read_pir(run) == PirCount(edges=32, spikes=30, noise=11)


def test_broken_counts_are_none(run):
    for text in ("", "[]", '{"edges": "x"}', '{"other": 1}'):
        (run / "pir.json").write_text(text)
        assert read_pir(run) == PirCount()


@pytest.mark.parametrize(
    ("count", "blank", "judged", "says"),
    [
        (PirCount(edges=400), 0, 0, []),
        (PirCount(edges=30, spikes=19), 97, 100, []),
        (PirCount(edges=41, spikes=20), 98, 99, []),
        (
            PirCount(edges=40, spikes=20),
            0,
            9,
            ["PIR: 20 of 40 edges are spikes: noise on its wire"],
        ),
        (PirCount(edges=41, masked=20), 0, 0, []),
        (PirCount(edges=19, masked=19), 0, 0, []),
        (
            PirCount(edges=40, masked=20),
            0,
            0,
            ["PIR: 20 of 40 edges are our own radio's: move its wire"],
        ),
        (PirCount(), 98, 100, ["PIR: 98 of the last 100 triggers showed nothing: sun, grass?"]),
    ],
)
def test_a_technician_hears_of_noise_and_of_false_triggers(count, blank, judged, says):
    assert pir_faults(count, blank, judged) == says


def test_a_pulse_shorter_than_any_pir_makes_is_a_spike(monkeypatch):
    factory = MockFactory(pin_class=DrivenPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    now = [0.0]
    with closing(GpioPir(PIN, sample_rate=1000, monotonic=lambda: now[0])) as pir:
        pin = factory.pin(PIN)
        for length in (SPIKE_S - 0.001, SPIKE_S, 2.0):
            pulse(pir, pin)
            now[0] += length
            pin.drive_low()
            assert pir._sensor.wait_for_no_motion(5.0)
        pulse(pir, pin)  # The falls before it were told.
        assert pir.spikes == 1
        assert len(pir.edges()) == 4
    factory.reset()
