from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import NOW
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.reasons import Reason
from facegate.engine.clock_guard import ClockGuard
from facegate.engine.states import GateState, state_after


def test_a_clock_that_runs_is_right_and_slow_drift_is_followed() -> None:
    guard = ClockGuard(30)
    for second in range(1, 200_000, 10):  # 26 seconds a day, for two days
        assert guard.is_right(NOW + timedelta(seconds=second * 1.0003), float(second))


def test_a_clock_that_is_turned_slowly_is_noticed_too() -> None:
    guard = ClockGuard(30)
    right = [
        guard.is_right(NOW + timedelta(seconds=tenth * 0.5), tenth / 10)  # 4 seconds a second
        for tenth in range(1, 1000)
    ]
    assert right[0]
    assert not any(right[100:])


@pytest.mark.parametrize("jump_s", [-3600, -31, 31, 86400])
def test_a_jump_is_noticed_until_it_is_undone(jump_s: float) -> None:
    guard = ClockGuard(30)
    assert guard.is_right(NOW, 0.0)
    for second in range(1, 50):
        assert not guard.is_right(NOW + timedelta(seconds=second + jump_s), float(second))
    assert guard.is_right(NOW + timedelta(seconds=50), 50.0)


def settle(guard: ClockGuard, jump_s: float, begin_s: float, seconds: float) -> float | None:
    """Run on with a changed clock; gives back when it was believed, or None."""
    for tenth in range(round(seconds * 10)):
        time_s = begin_s + tenth / 10
        at = NOW + timedelta(seconds=time_s + jump_s)
        assert not guard.is_right(at, time_s)
        change = guard.settled(at, time_s)
        if change is not None:
            assert change.jump_s == pytest.approx(jump_s, abs=0.1)
            guard.accept(at, time_s)
            assert guard.is_right(at, time_s)
            return time_s - begin_s
    return None


@pytest.mark.parametrize("jump_s", [-3600, -31, 31, 86400, 1e9])
def test_a_changed_clock_is_believed_once_it_was_steady(jump_s: float) -> None:
    guard = ClockGuard(30, steady_s=10)
    assert guard.is_right(NOW, 0.0)
    assert settle(guard, jump_s, 1.0, 9.5) is None
    assert guard.in_doubt
    waited = settle(guard, jump_s, 10.5, 5)
    assert waited == pytest.approx(0.5, abs=0.11)
    assert not guard.in_doubt


def test_every_further_jump_begins_the_wait_anew() -> None:
    guard = ClockGuard(30, steady_s=10)
    assert guard.is_right(NOW, 0.0)
    assert settle(guard, 3600, 1, 8) is None
    assert settle(guard, -600, 9, 8) is None
    assert settle(guard, 3600, 17, 8) is None
    assert settle(guard, 3600.5, 25, 8) is None, "half a second is a jump, too"
    assert settle(guard, 3600.5, 33, 5) == pytest.approx(2, abs=0.2)


def test_a_clock_that_creeps_is_never_steady() -> None:
    guard = ClockGuard(30, steady_s=10)
    assert guard.is_right(NOW, 0.0)
    for tenth in range(1, 3000):
        time_s = tenth / 10
        at = NOW + timedelta(seconds=100 + time_s * 1.05)
        assert not guard.is_right(at, time_s)
        assert guard.settled(at, time_s) is None


@given(st.sampled_from(list(Reason)))
def test_only_a_grant_is_welcomed_and_every_fault_is_out_of_order(reason: Reason) -> None:
    state = state_after(reason)
    assert (state is GateState.WELCOME) == (reason is Reason.GRANTED)
    assert (state is GateState.OUT_OF_ORDER) == reason.is_fault
    assert reason.sentence
    assert state.words
