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


@given(st.sampled_from(list(Reason)))
def test_only_a_grant_is_welcomed_and_every_fault_is_out_of_order(reason: Reason) -> None:
    state = state_after(reason)
    assert (state is GateState.WELCOME) == (reason is Reason.GRANTED)
    assert (state is GateState.OUT_OF_ORDER) == reason.is_fault
    assert reason.sentence
    assert state.words
