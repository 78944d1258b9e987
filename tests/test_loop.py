"""The order to stop, by signal or from within."""

import os
import select
import signal

from trapnode.loop import Stop


def readable(stop: Stop) -> bool:
    return bool(select.select([stop], [], [], 0)[0])


def test_an_order_given_is_heard_by_call_and_by_select():
    stop = Stop()
    assert not stop()
    assert not readable(stop)
    stop.give()
    stop.give()
    assert stop()
    assert readable(stop)
    stop.close()


def test_a_signal_is_the_order():
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    stop = Stop().listen()
    try:
        for number in before:
            os.kill(os.getpid(), number)
        assert stop()
        assert readable(stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
