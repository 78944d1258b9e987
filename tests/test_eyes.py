"""What a station does with PIR and camera before its store is open: no frame of it is dropped."""

import contextlib

import pytest

from tests.fakes import After, NumberedCamera, boot, station_of
from tests.test_gated import LATCH, a_process
from trapnode.cli import eyes as module
from trapnode.model import WakeReason
from trapnode.sim.pir import ScriptedPir
from trapnode.store.consent import note_wake


@pytest.fixture
def opened(monkeypatch, run, clock):
    """Open both for a gated unit whose PIR sees motion in these spans; note how the camera is."""

    class Opened:
        lit = None

        def __call__(self, stack, *spans):
            own = a_process(run, LATCH)
            own = module.Process(
                *(own.config, "", None, clock, clock.trust, run, own.stop, own.alive, [], {})
            )
            pir = ScriptedPir(clock.monotonic, spans)
            stack.enter_context(contextlib.closing(pir))
            monkeypatch.setattr(module, "pir_of", lambda *_: pir)
            monkeypatch.setattr(module, "camera_of", self._camera)
            monkeypatch.setattr(module, "Idling", lambda *_: None)
            return module.eyes(own, stack)

        def _camera(self, *_, at_once):
            self.lit = at_once
            return NumberedCamera(clock)

    return Opened()


def test_an_animal_that_is_there_at_the_start_is_saved_though_it_leaves_before_the_store_opens(
    opened, store, run, clock
):
    note_wake(run, WakeReason.ALARM)
    clock.step(9.5)
    with contextlib.ExitStack() as stack:
        pir, camera = opened(stack, (9, 1))
        clock.step(5)  # The store opens, and the pulse is over.
        stop = After(lambda: clock.monotonic() > 60)
        station_of(store, run, boot(store)).run(pir, camera, clock, stop, lambda fault: None)
    (sequence,) = store.sequences.all()
    assert sequence.trigger.monotonic_s == 9.5
    first = sequence.frames[0].captured_at - sequence.trigger.at
    assert first.total_seconds() < 1


def test_a_camera_is_lit_from_its_start_on_only_in_the_first_station_of_a_boot(opened, run):
    note_wake(run, WakeReason.PIR, owed=True)
    with contextlib.ExitStack() as stack:
        _, camera = opened(stack)
        assert opened.lit is False
        assert camera.shoot()
