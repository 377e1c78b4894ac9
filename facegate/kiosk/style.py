"""Colors and signs of the states. No Qt here.

A visitor who sees no colors has the words and the sign; one who cannot read has color and sign.
"""

from __future__ import annotations

from enum import Enum

from facegate.engine.challenge import Movement
from facegate.engine.states import GateState, GateView

GREEN, AMBER, RED, GRAY = "#157347", "#855400", "#b3261e", "#30363d"
"""Bands. White letters on each reach a contrast of 4.5 or more, WCAG 2.2's AA for any size."""

INK, BACKGROUND = "#ffffff", "#0d1117"
FRAME, OTHER_FRAME, OUTLINE = "#79c0ff", "#c9d1d9", "#0d1117"
"""Of the face that is looked at, of others, and around both: a line must show on any picture."""

KEY, KEY_LINE, KEY_DOWN = "#21262d", "#8b949e", "#1f6feb"

COLORS = {
    GateState.WELCOME: GREEN,
    GateState.SECOND_PERSON: AMBER,
    GateState.TRY_AGAIN: AMBER,
    GateState.DOOR_OPEN: AMBER,
    GateState.NOT_RECOGNIZED: RED,
    GateState.DENIED: RED,
    GateState.LOCKED_OUT: RED,
    GateState.OUT_OF_ORDER: RED,
}
"""Of the band; every other state is GRAY."""


class Sign(str, Enum):
    """What is drawn beside the words."""

    NONE = ""
    YES = "yes"
    NO = "no"
    WARNING = "warning"
    DOOR = "door"
    AGAIN = "again"
    LOCK = "lock"
    WAIT = "wait"
    FACE = "face"
    KEYS = "keys"
    PEOPLE = "people"
    CLOSER = "closer"
    LEFT = "left"
    RIGHT = "right"
    NOD = "nod"


_SIGNS = {
    GateState.LOOKING: Sign.FACE,
    GateState.COME_CLOSER: Sign.CLOSER,
    GateState.HOLD_STILL: Sign.FACE,
    GateState.CHECKING: Sign.WAIT,
    GateState.CHALLENGE: Sign.FACE,
    GateState.ENTER_PIN: Sign.KEYS,
    GateState.WELCOME: Sign.YES,
    GateState.SECOND_PERSON: Sign.PEOPLE,
    GateState.NOT_RECOGNIZED: Sign.NO,
    GateState.TRY_AGAIN: Sign.AGAIN,
    GateState.DENIED: Sign.NO,
    GateState.LOCKED_OUT: Sign.LOCK,
    GateState.DOOR_OPEN: Sign.DOOR,
    GateState.OUT_OF_ORDER: Sign.WARNING,
}

_ASKED = {
    # A mirror: the visitor's left is the screen's left.
    Movement.TURN_LEFT: Sign.LEFT,
    Movement.TURN_RIGHT: Sign.RIGHT,
    Movement.NOD: Sign.NOD,
    Movement.COME_CLOSER: Sign.CLOSER,
}


def color_of(view: GateView) -> str:
    """Of the band behind the words, #rrggbb."""
    return COLORS.get(view.state, GRAY)


def sign_of(view: GateView) -> Sign:
    """The sign beside the words."""
    if view.movement is not None:
        return _ASKED[view.movement]
    return _SIGNS[view.state]


def words_of(view: GateView, *, greets_by_name: bool) -> str:
    """What to say; with the person's name only where that is wanted."""
    name = "".join(one for one in view.subject if one.isprintable()).strip()
    if greets_by_name and name and view.state is GateState.WELCOME:
        return f"{view.message}, {name}"
    return view.message


def contrast(one: str, other: str) -> float:
    """Contrast of two colors (#rrggbb), 1 to 21.

    Source:
        WCAG 2.2, contrast ratio and relative luminance.
    """
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
