"""Why a door opened or stayed shut: one stable word for each cause, and a sentence for people."""

from __future__ import annotations

from enum import Enum


class Reason(str, Enum):
    """The cause of a grant or a denial. Values are part of receipts and of the JSON contract."""

    GRANTED = "granted"

    # what the camera saw
    UNKNOWN_FACE = "unknown_face"
    AMBIGUOUS = "ambiguous"
    LOW_QUALITY = "low_quality"
    ATTACK_SUSPECTED = "attack_suspected"
    CHALLENGE_FAILED = "challenge_failed"
    IDENTITY_CHANGED = "identity_changed"
    SEVERAL_FACES = "several_faces"
    GAVE_UP = "gave_up"

    # who may pass
    DOOR_DISABLED = "door_disabled"
    SUBJECT_DISABLED = "subject_disabled"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    NO_RULE = "no_rule"
    OUTSIDE_SCHEDULE = "outside_schedule"
    HOLIDAY = "holiday"
    ANTI_PASSBACK = "anti_passback"
    SECOND_PERSON_NEEDED = "second_person_needed"
    PIN_NEEDED = "pin_needed"
    PIN_WRONG = "pin_wrong"
    RATE_LIMITED = "rate_limited"
    LOCKED_OUT = "locked_out"

    # what did not work
    CAMERA_FAULT = "camera_fault"
    DOOR_FAULT = "door_fault"
    STORE_FAULT = "store_fault"
    CLOCK_FAULT = "clock_fault"
    INTERNAL_FAULT = "internal_fault"

    @property
    def sentence(self) -> str:
        """The cause in plain words, without names, numbers or scores: a visitor may read it."""
        return _SENTENCES[self]

    @property
    def is_fault(self) -> bool:
        """Whether something is broken, rather than somebody not allowed."""
        return self.value.endswith("_fault")


_SENTENCES = {
    Reason.GRANTED: "welcome",
    Reason.UNKNOWN_FACE: "not recognized",
    Reason.AMBIGUOUS: "not recognized for sure; try again",
    Reason.LOW_QUALITY: "the face could not be seen well enough; try again",
    Reason.ATTACK_SUSPECTED: "this does not look like a face in front of the camera",
    Reason.CHALLENGE_FAILED: "the movement asked for was not seen",
    Reason.IDENTITY_CHANGED: "the face changed during the check; try again",
    Reason.SEVERAL_FACES: "several people are in view; one at a time, please",
    Reason.GAVE_UP: "the visitor left before the check was done",
    Reason.DOOR_DISABLED: "this door is switched off",
    Reason.SUBJECT_DISABLED: "access is switched off",
    Reason.NOT_YET_VALID: "access has not begun yet",
    Reason.EXPIRED: "access has ended",
    Reason.NO_RULE: "no access at this door",
    Reason.OUTSIDE_SCHEDULE: "no access at this time",
    Reason.HOLIDAY: "no access on this holiday",
    Reason.ANTI_PASSBACK: "already inside; leave first",
    Reason.SECOND_PERSON_NEEDED: "a second person is needed",
    Reason.PIN_NEEDED: "enter the PIN",
    Reason.PIN_WRONG: "wrong PIN",
    Reason.RATE_LIMITED: "too many attempts; wait a moment",
    Reason.LOCKED_OUT: "locked after too many failed attempts; ask the operator",
    Reason.CAMERA_FAULT: "the camera does not work",
    Reason.DOOR_FAULT: "the door does not work",
    Reason.STORE_FAULT: "the database does not work",
    Reason.CLOCK_FAULT: "the clock is wrong",
    Reason.INTERNAL_FAULT: "something went wrong",
}
