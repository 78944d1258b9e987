"""The lock of the console: challenge, answer, back-off, end of a session."""

import contextlib
import hashlib
import hmac
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.technician import Cable, unit_at
from trapnode.model import MessageKind
from trapnode.policy.session import BACK_OFF_S, SESSION_S, Barred, Lock, answer, unit_key

KEY = bytes(range(32))


def lock(key: bytes = KEY) -> Lock:
    """A lock whose nonces are 1, 2, ..."""
    numbers = itertools.count(1)
    return Lock(key, lambda size: next(numbers).to_bytes(size, "big"))


def test_the_answer_is_what_the_specification_says() -> None:
    nonce = bytes.fromhex("0011223344556677")
    said = hmac.new(KEY, nonce + b"technician", hashlib.sha256).digest()[:8]
    assert answer(KEY, nonce) == said
    assert answer(KEY, nonce, "ranger") != said


def test_each_unit_has_its_own_key() -> None:
    assert unit_key(KEY, "AL07") != unit_key(KEY, "AL08")
    assert len(unit_key(KEY, "AL07")) == 32


def test_the_right_answer_opens_for_ten_minutes() -> None:
    held = lock()
    assert not held.is_open(0)
    assert held.unlock(answer(KEY, held.challenge(0)).hex().upper(), 1) is None
    assert held.is_open(SESSION_S)
    assert not held.is_open(SESSION_S + 1)
    held.close()
    assert not held.is_open(2)


def test_an_answer_is_good_once_and_for_its_own_nonce() -> None:
    held = lock()
    first = answer(KEY, held.challenge(0)).hex()
    held.challenge(0)
    assert held.unlock(first, 0) == 4
    good = answer(KEY, held.challenge(0)).hex()
    assert held.unlock(good, 0) is None
    held.close()
    assert held.unlock(good, 0) == 4
    assert not held.is_open(0)


def test_without_a_nonce_nothing_opens() -> None:
    assert lock().unlock(answer(KEY, b"").hex(), 0) == 4


def test_five_wrong_answers_bar_the_door_whoever_pulls_the_cable() -> None:
    held = lock()
    for left in (4, 3, 2, 1):
        held.challenge(0)
        assert held.unlock("00" * 8, 0) == left
        held.close()
    with pytest.raises(Barred):
        held.unlock("00" * 8, 10)
    for ask in (lambda: held.challenge(10 + BACK_OFF_S - 1), lambda: held.unlock("", 11)):
        with pytest.raises(Barred):
            ask()
    nonce = held.challenge(10 + BACK_OFF_S)
    assert held.unlock(answer(KEY, nonce).hex(), 71) is None


@given(st.text(max_size=40))
def test_no_other_answer_opens(said: str) -> None:
    held = lock()
    nonce = held.challenge(0)
    assert held.unlock(said, 0) == 4 or said.strip().lower() == answer(KEY, nonce).hex()


REVEALS = ["events", "log", "clock set 2026-11-22 14:30", "deploy", "collect"]
HEALTH = ["status", "status json", "queue", "modem", "clock", "dump", "help", "selftest", "aim"]


def test_what_reveals_or_changes_waits_for_the_answer(tmp_path) -> None:
    cable = Cable(unit_at(tmp_path, lock=lock()))
    for line in REVEALS:
        assert cable.ask(line) == ["ERR 7 locked: type unlock"]
    nonce, how, ok = cable.ask("unlock")
    assert nonce == "nonce 0000000000000001 role technician"
    assert "AL07 0000000000000001" in how
    assert ok == "OK"
    said = answer(KEY, bytes.fromhex("0000000000000001")).hex()
    assert cable.ask(f"unlock {said}")[-1] == "OK"
    for line in REVEALS:
        assert "locked" not in cable.ask(line)[-1]
        cable.type(b"\x03")
    assert cable.ask("lock") == ["locked", "OK"]
    assert cable.ask("events") == ["ERR 7 locked: type unlock"]


def test_health_is_for_everybody(tmp_path) -> None:
    cable = Cable(unit_at(tmp_path, lock=lock()))
    for line in HEALTH:
        assert "ERR 7" not in cable.ask(line)[-1]


def test_a_locked_queue_tells_numbers_only(tmp_path) -> None:
    unit = unit_at(tmp_path, lock=lock())
    with contextlib.closing(unit.opened()) as store, store.database.transaction():
        store.outbox.tell(MessageKind.STATUS, b"status", 5, unit.clock.now())
    assert len(Cable(unit).ask("queue")) == 2
    assert len(Cable(unit_at(tmp_path)).ask("queue")) == 3


def test_a_pulled_cable_locks(tmp_path) -> None:
    held = lock()
    cable = Cable(unit_at(tmp_path, lock=held))
    cable.ask("unlock")
    cable.ask(f"unlock {answer(KEY, (1).to_bytes(8, 'big')).hex()}")
    assert cable.ask("events")[-1] == "OK"
    cable.console.hang_up()
    assert cable.ask("events") == ["ERR 7 locked: type unlock"]


def test_wrong_answers_are_told(tmp_path) -> None:
    cable = Cable(unit_at(tmp_path, lock=lock()))
    for left in (4, 3, 2, 1):
        wrong = f"ERR 7 wrong answer, {left} tries left; type unlock for a new nonce"
        assert cable.ask("unlock 00") == [wrong]
    assert cable.ask("unlock 00") == ["ERR 8 too many wrong answers, wait 60 s"]
    assert cable.ask("unlock") == ["ERR 8 too many wrong answers, wait 60 s"]


def test_without_a_key_nothing_is_locked(tmp_path) -> None:
    cable = Cable(unit_at(tmp_path))
    free = ["no key is configured: nothing is locked", "OK"]
    assert cable.ask("unlock") == cable.ask("unlock 00") == cable.ask("lock") == free
    assert cable.ask("events")[-1] == "OK"


def test_a_locked_status_names_no_label(tmp_path) -> None:
    from trapnode.store import ram

    told = {"unit": "AL07", "monotonic_s": 100.0, "targets": 7, "last_verdicts": ["leopard 97%"]}
    ram.write_snapshot(tmp_path, told)
    closed = Cable(unit_at(tmp_path, lock=lock()))
    for line in ("status", "status json"):
        text = "\n".join(closed.ask(line))
        assert "leopard" not in text
        assert "7 of a target" not in text
        assert '"targets"' not in text
    assert "leopard 97%" in "\n".join(Cable(unit_at(tmp_path)).ask("status"))
