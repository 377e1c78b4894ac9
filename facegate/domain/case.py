"""One request with its facts, as the checks look at it."""

from __future__ import annotations

from dataclasses import dataclass

from facegate.domain.access import AccessRequest
from facegate.domain.doors import Door, PinMode
from facegate.domain.facts import Facts, PersonFacts
from facegate.domain.reasons import Reason

COUNTED = frozenset(
    {
        Reason.UNKNOWN_FACE,
        Reason.AMBIGUOUS,
        Reason.ATTACK_SUSPECTED,
        Reason.CHALLENGE_FAILED,
        Reason.IDENTITY_CHANGED,
    }
)
"""Failed attempts; with the other face reasons nobody was compared with anybody."""

REPLACEABLE = frozenset({Reason.UNKNOWN_FACE, Reason.AMBIGUOUS, Reason.LOW_QUALITY})
"""What a PIN may stand in for where the door says so: never a suspected attack."""


class NotReached(Exception):
    """An earlier check left nothing to look at."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request and the facts, and what both say together."""

    request: AccessRequest
    facts: Facts

    @property
    def door(self) -> Door:
        """The door that is asked for."""
        if self.facts.door is None:
            raise NotReached
        return self.facts.door

    @property
    def who(self) -> PersonFacts:
        """The person who asks."""
        if self.facts.person is None:
            raise NotReached
        return self.facts.person

    @property
    def face_passed(self) -> bool:
        """Whether somebody was recognized and passed the attack check."""
        return self.request.face_reason is Reason.GRANTED and self.request.subject_id is not None

    @property
    def is_claim(self) -> bool:
        """Whether the PIN of a named person may stand in for the face."""
        reason, who = self.request.face_reason, self.facts.person
        if who is None or not who.person.terms.has_pin or reason not in REPLACEABLE:
            return False
        if reason is Reason.AMBIGUOUS and who.person.subject_id not in self.request.alike:
            return False
        # The search cannot tell twins apart; that is what their PIN is for.
        twin = reason is Reason.AMBIGUOUS and who.person.terms.always_pin
        return twin or self.door.pin is PinMode.FALLBACK

    @property
    def pin_wanted(self) -> str:
        """Why the PIN is needed; empty when it is not."""
        terms, door = self.who.person.terms, self.door
        if self.is_claim:
            return "the PIN must stand in for the face"
        if terms.always_pin:
            return f"{self.who.person.name} always needs the PIN"
        if door.pin is PinMode.SECOND_FACTOR:
            return f"{door.name!r} asks for a PIN"
        held = self.facts.state.attempts.hold(self.request.at)
        if held is not None and door.pin is not PinMode.NEVER and terms.has_pin:
            return f"{door.name!r} asks for a PIN after failed attempts of others"
        return ""
