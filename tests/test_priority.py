"""What the modem sends next."""

from tests.fakes import NOON
from trapnode.model import Message, MessageKind, MessageState, Report
from trapnode.policy.priority import Terms, next_to_send


def report(identity: int, priority: int, kind: MessageKind = MessageKind.OBSERVATIONS) -> Report:
    return Report(identity, kind, bytes(11), priority, NOON)


def message(priority: int) -> Message:
    kind, state = MessageKind.OBSERVATIONS, MessageState.QUEUED
    return Message(1, kind, b"x", priority, state, 0, NOON, NOON)


def chosen(frozen, waiting, room=50, may=lambda priority, size: True):
    return next_to_send(frozen, waiting, NOON, Terms(room, 11, 3, 600.0, may))


def test_nothing_to_send_sends_nothing():
    assert chosen([], []) is None
    assert chosen([], [report(1, 3)]) is None


def test_a_message_on_its_way_goes_before_reports_of_its_value():
    assert chosen([message(0)], [report(1, 0)]) == message(0)
    assert chosen([message(3)], [report(1, 3)]) == message(3)


def test_a_fresh_leopard_goes_before_a_stale_message():
    assert chosen([message(2)], [report(1, 0)]) == (report(1, 0),)


def test_what_is_less_urgent_rides_along_in_the_same_credit():
    waiting = [report(1, 0), report(2, 3), report(3, 3), report(4, 3)]
    assert chosen([], waiting) == tuple(waiting[:3])


def test_a_status_report_rides_alone():
    status = report(2, 2, MessageKind.STATUS)
    assert chosen([], [status, report(3, 3)]) == (status,)
    assert chosen([], [report(1, 0), status, report(3, 3)]) == (report(1, 0), report(3, 3))


def test_a_link_that_takes_less_is_given_less_and_what_never_fits_waits():
    waiting = [report(1, 0), report(2, 3), report(3, 3)]
    assert chosen([], waiting, room=33) == tuple(waiting[:2])
    assert chosen([], waiting, room=22) == (waiting[0],)
    assert chosen([], waiting, room=21) is None


def test_what_may_not_go_does_not_stand_before_what_may():
    def only_targets(priority, size):
        return priority == 0

    status = report(2, 2, MessageKind.STATUS)
    assert chosen([message(2)], [status, report(3, 0)], may=only_targets) == (report(3, 0),)
    assert chosen([message(2)], [status], may=only_targets) is None


def test_a_preview_goes_when_nothing_else_does():
    fragment = report(1, 4, MessageKind.FRAGMENT)
    assert chosen([], [fragment]) == (fragment,)
    assert chosen([], [report(2, 3), report(3, 3), report(4, 3), fragment])[0].priority == 3
