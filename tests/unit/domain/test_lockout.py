from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.lockout import FACES, FACES_WITH_PAD, PINS, Attempts, Limits
from facegate.domain.pins import check_pin, is_pin
from facegate.domain.reasons import Reason
from facegate.errors import PolicyError

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def exhausted(limits: Limits) -> tuple[list[float], Attempts]:
    """Fail as soon as it is allowed, until it is not any more: the delays on the way."""
    at, state, delays = START, Attempts(), []
    while not state.locked:
        state = state.failed(at, limits)
        hold = state.hold(at)
        until = hold.until if hold is not None and hold.until is not None else at
        delays.append((until - at).total_seconds())
        at = until
    return delays, state


@pytest.mark.parametrize(("limits", "free", "total"), [(FACES, 5, 50), (FACES_WITH_PAD, 10, 100)])
def test_delays_begin_at_the_limit_double_and_end_in_a_lock(
    limits: Limits, free: int, total: int
) -> None:
    delays, state = exhausted(limits)
    assert len(delays) == total
    assert delays[: free - 1] == [0] * (free - 1)
    assert delays[free - 1 : free + 3] == [30, 60, 120, 240]
    assert max(delays) == 3600
    hold = state.hold(START + timedelta(days=10_000))
    assert hold is not None
    assert (hold.reason, hold.until) == (Reason.LOCKED_OUT, None)


def test_a_success_begins_the_count_again_but_ends_no_delay_and_no_lock() -> None:
    state = Attempts()
    for _ in range(4):
        state = state.failed(START, PINS)
    assert state.succeeded(START).failures == 0
    delayed = state.failed(START, PINS).succeeded(START)
    assert delayed.failures == 0
    assert delayed.hold(START) is not None
    assert exhausted(PINS)[1].succeeded(START).locked


@given(st.lists(st.tuples(st.sampled_from("fs"), st.integers(-100, 5000)), max_size=60))
def test_no_step_back_of_the_clock_ever_ends_a_delay(steps: list[tuple[str, int]]) -> None:
    far_back = START - timedelta(days=1)
    state, latest, ends, now = Attempts(), far_back, far_back, START
    for kind, seconds in steps:
        now += timedelta(seconds=seconds)
        hold = state.hold(now)
        if hold is None:
            assert now >= ends, "a delay was over before its end"
            state = state.failed(now, PINS) if kind == "f" else state.succeeded(now)
            latest = max(latest, now)
            ends = max(ends, state.blocked_until or ends)
        elif hold.reason is Reason.CLOCK_FAULT:
            assert now < latest


@pytest.mark.parametrize(
    "pin",
    ["1234", "0000", "4321", "7890", "0987", "1212", "123123", "2580", "121", "1" * 13, "12a4",
     "", "١٢٣٤", "12 34", "-123", "111111111111", "01234567890"],
)  # fmt: skip
def test_pins_that_are_tried_first_are_refused_and_not_repeated(pin: str) -> None:
    with pytest.raises(PolicyError) as caught:
        check_pin(pin)
    assert not pin or pin not in str(caught.value)


@pytest.mark.parametrize("pin", ["7391", "19870412", "2412", "739104865120"])
def test_other_pins_are_taken_also_dates(pin: str) -> None:
    check_pin(pin)
    assert is_pin(pin)
