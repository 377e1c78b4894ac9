from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facegate.doors.contact import GRACE_S, ContactWatch
from facegate.doors.events import DoorEventKind as K


def test_open_at_the_first_look_is_not_forced_but_held() -> None:
    watch = ContactWatch(10)
    assert watch.see(True, 0) == [K.OPENED]
    assert watch.see(True, 9.9) == []
    assert watch.see(True, 10) == [K.HELD_OPEN]


def test_just_after_the_pulse_is_not_forced() -> None:
    watch = ContactWatch(10)
    watch.see(False, 0)
    watch.allow_until(5)
    assert watch.see(True, 5 + GRACE_S) == [K.OPENED]
    watch.see(False, 7)
    assert watch.see(True, 7.1) == [K.FORCED_OPEN]


def test_who_is_let_in_meanwhile_may_hold_it_as_long() -> None:
    watch = ContactWatch(10)
    watch.see(False, 0)
    watch.allow_until(5)
    watch.see(True, 1)
    watch.allow_until(14)
    assert watch.see(True, 23) == []
    assert watch.see(True, 24) == [K.HELD_OPEN]


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 9), st.booleans()), max_size=30))
def test_alarms_as_a_plain_loop_says(looks: list[tuple[bool, float, bool]]) -> None:
    watch, now, held_s = ContactWatch(12.0), 0.0, 12.0
    before, since, alarmed, allowed = None, 0.0, False, -1e9
    for is_open, passed, unlock in looks:
        now += passed
        if unlock:
            watch.allow_until(now + 3)
            allowed = now + 3 + GRACE_S
            if before and not alarmed:
                since = now + 3
        want = []
        if before is not True and is_open:
            since = now
            want.append(K.FORCED_OPEN if before is False and now > allowed else K.OPENED)
        if before is True and not is_open:
            want.append(K.CLOSED)
        if not is_open:
            alarmed = False
        elif now - since >= held_s and not alarmed:
            alarmed = True
            want.append(K.HELD_OPEN)
        assert watch.see(is_open, now) == want
        before = is_open
