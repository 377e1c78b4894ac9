from __future__ import annotations

import pytest

from facegate.domain.quality import Flaw
from facegate.domain.reasons import Reason
from facegate.engine.challenge import Movement
from facegate.engine.prompts import REQUESTS
from facegate.engine.states import GateState, GateView, state_after
from facegate.kiosk.board import DEAD, WAIT
from facegate.kiosk.style import (
    AMBER,
    BACKGROUND,
    COLORS,
    FRAME,
    GRAY,
    GREEN,
    INK,
    KEY,
    KEY_DOWN,
    KEY_LINE,
    OTHER_FRAME,
    OUTLINE,
    RED,
    Sign,
    color_of,
    contrast,
    sign_of,
    words_of,
)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # WebAIM's example
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@pytest.mark.parametrize("ground", [GREEN, AMBER, RED, GRAY, BACKGROUND, KEY, KEY_DOWN])
def test_letters_can_be_read_on_every_ground(ground: str) -> None:
    assert contrast(INK, ground) >= 4.5  # WCAG AA, any size


def test_lines_can_be_seen() -> None:
    for line, ground in ((FRAME, OUTLINE), (OTHER_FRAME, OUTLINE), (KEY_LINE, BACKGROUND)):
        assert contrast(line, ground) >= 3  # WCAG 1.4.11


def test_color_is_never_the_only_sign() -> None:
    signs = {state: sign_of(GateView(state, state.words)) for state in GateState}
    assert Sign.NONE not in signs.values()
    for one in COLORS:
        for other in GateState:
            if COLORS.get(other, GRAY) != COLORS[one]:
                assert signs[one] is not signs[other]
                assert one.words != other.words
    asked = [sign_of(GateView(GateState.CHALLENGE, "", movement=one)) for one in Movement]
    assert len(set(asked)) == len(Movement)


def test_only_a_welcome_is_green() -> None:
    green = {state for state in GateState if color_of(GateView(state, "")) == GREEN}
    assert green == {GateState.WELCOME}


def test_a_name_is_said_only_with_a_welcome_and_only_where_it_is_wanted() -> None:
    welcome = GateView(GateState.WELCOME, "Welcome", subject="Ana\n\u202eLima ")
    assert words_of(welcome, greets_by_name=False) == "Welcome"
    assert words_of(welcome, greets_by_name=True) == "Welcome, AnaLima"
    denied = GateView(GateState.DENIED, "No access", subject="Ana")
    assert words_of(denied, greets_by_name=True) == "No access"


def test_no_words_for_visitors_hold_a_figure() -> None:
    said = [state.words for state in GateState] + [one.words for one in Movement]
    said += [reason.sentence for reason in Reason] + [*REQUESTS.values(), WAIT.message]
    assert not any(letter.isdigit() or letter == "%" for one in said for letter in one)
    assert DEAD.state is GateState.OUT_OF_ORDER


def test_every_flaw_asks_for_something_that_a_visitor_can_do() -> None:
    never_at_a_door = {Flaw.NO_FACE, Flaw.SEVERAL_FACES}
    assert set(REQUESTS) == set(Flaw) - never_at_a_door - {Flaw.TOO_SMALL}


def test_every_reason_has_a_state_with_a_sign() -> None:
    for reason in Reason:
        assert sign_of(GateView(state_after(reason), reason.sentence)) is not Sign.NONE
