"""What other rules, or another threshold, would have done with the visits of the past.

The visits are judged one after the other by the same function as at the door, with lock-outs,
anti-passback and the two-person rule followed from the first of them on. What a receipt does not
hold is not made up:

- Who else might have been recognized with a lower threshold is not in it; such a row has no answer.
- What was typed as PIN is not in it: whoever passed is taken to have typed the right one, whoever
  was refused for a wrong one a wrong one, and everybody else none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from facegate.domain.access import AccessRequest
from facegate.domain.doors import Direction
from facegate.domain.facts import DoorState, Facts, Judgment, PersonFacts, PinOutcome
from facegate.domain.judging import judge
from facegate.domain.lockout import Attempts
from facegate.domain.policy import Policy
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft

NOT_SEARCHED = frozenset(
    {
        Reason.LOW_QUALITY,
        Reason.ATTACK_SUSPECTED,
        Reason.CHALLENGE_FAILED,
        Reason.IDENTITY_CHANGED,
        Reason.SEVERAL_FACES,
        Reason.GAVE_UP,
    }
)
"""What no rule and no threshold changes."""

_TYPED = {
    Reason.GRANTED: PinOutcome.RIGHT,
    Reason.SECOND_PERSON_NEEDED: PinOutcome.RIGHT,
    Reason.PIN_WRONG: PinOutcome.WRONG,
}


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One visit, then and now.

    Attributes:
        at, door, subject_name: of the receipt.
        then: what was ruled.
        now: what would be ruled; None where the receipt does not hold enough to tell.
        text: why, for operators.
    """

    at: datetime
    door: str
    subject_name: str
    then: Reason
    now: Reason | None
    text: str

    @property
    def changed(self) -> bool:
        """Whether the ruling would be another."""
        return self.now is not self.then


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """All rows counted.

    Attributes:
        visits: rows in all.
        opened, refused: doors that would open, or stay shut, unlike then.
        other_reason: still refused, for another reason.
        unknown: rows without an answer.
        changes: how often each ruling would become which other.
    """

    visits: int
    opened: int
    refused: int
    other_reason: int
    unknown: int
    changes: dict[tuple[Reason, Reason], int]


def replay(
    drafts: Iterable[ReceiptDraft], policy: Policy, tau: float | None = None
) -> list[ReplayRow]:
    """Judge past visits again.

    Args:
        drafts: of all doors, in any order.
        policy: the rules to try.
        tau: the threshold to try, a cosine; None: the one of each receipt.

    Returns:
        A row for each draft, oldest first.
    """
    memory = _Memory(policy)
    ordered = sorted(drafts, key=lambda draft: draft.at)
    return [_row(draft, memory, tau) for draft in ordered]


def summarize(rows: Iterable[ReplayRow]) -> ReplaySummary:
    """Count what would change."""
    changes: Counter[tuple[Reason, Reason]] = Counter()
    visits = unknown = 0
    for row in rows:
        visits += 1
        if row.now is None:
            unknown += 1
        elif row.changed:
            changes[row.then, row.now] += 1
    opened = sum(n for (_, now), n in changes.items() if now is Reason.GRANTED)
    refused = sum(n for (then, _), n in changes.items() if then is Reason.GRANTED)
    other = changes.total() - opened - refused
    return ReplaySummary(visits, opened, refused, other, unknown, dict(changes))


def _row(draft: ReceiptDraft, memory: _Memory, tau: float | None) -> ReplayRow:
    face = _face_again(draft, tau)
    if face is None:
        text = "the receipt does not tell who would have been recognized"
        return ReplayRow(draft.at, draft.door, draft.subject_name, draft.reason, None, text)
    # Somebody who was named without being recognized typed a PIN in place of the face.
    claimed = _face_again(draft, None) is not Reason.GRANTED
    request = AccessRequest(
        door=draft.door,
        subject_id=draft.subject_id if face is Reason.GRANTED or claimed else None,
        at=draft.at,
        face_reason=face,
        # Whoever passed with a PIN for an ambiguous face was one of those it may belong to.
        alike=frozenset({draft.subject_id} if claimed and draft.subject_id is not None else ()),
    )
    judgment = judge(request, memory.facts(request, _TYPED.get(draft.reason)))
    memory.keep(judgment)
    ruling = judgment.ruling
    return ReplayRow(
        draft.at, draft.door, draft.subject_name, draft.reason, ruling.reason, ruling.explanation
    )


def _face_again(draft: ReceiptDraft, tau: float | None) -> Reason | None:
    """What the face alone would have come to; None when the receipt does not hold it."""
    if draft.reason in NOT_SEARCHED or draft.reason.is_fault:
        return draft.reason
    limit = draft.tau if tau is None else tau
    similarity, second = draft.similarity, draft.second_similarity
    if similarity is None or limit is None:
        if draft.subject_id is not None:
            return Reason.GRANTED
        return draft.reason if draft.reason is Reason.UNKNOWN_FACE else None
    if not similarity >= limit:  # NaN never matches
        return Reason.UNKNOWN_FACE
    if second is not None and not similarity - second >= (draft.margin or 0.0):
        return Reason.AMBIGUOUS
    return Reason.GRANTED if draft.subject_id is not None else None


@dataclass
class _Memory:
    """What doors and people would remember, begun empty."""

    policy: Policy
    states: dict[str, DoorState] = field(default_factory=dict)
    inside: dict[tuple[int, str], datetime] = field(default_factory=dict)
    pins: dict[int, Attempts] = field(default_factory=dict)
    claims: dict[int, Attempts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._people = {one.subject_id: one for one in self.policy.people}

    def facts(self, request: AccessRequest, typed: PinOutcome | None) -> Facts:
        state = self.states.get(request.door, DoorState())
        return Facts(
            door=self.policy.door(request.door),
            state=state,
            person=self._person(request.subject_id, request.door),
            first=self._person(state.first_id, request.door),
            holidays=self.policy.holidays,
            revision=self.policy.revision,
            pin=typed or PinOutcome.NOT_GIVEN,
        )

    def _person(self, subject_id: int | None, door_name: str) -> PersonFacts | None:
        door = self.policy.door(door_name)
        if subject_id is None or subject_id not in self._people or door is None:
            return None
        person = self._people[subject_id]
        return PersonFacts(
            person,
            tuple(self.policy.grants(door_name, person.name)),
            self.inside.get((subject_id, door.area)),
            self.pins.get(subject_id, Attempts()),
            self.claims.get(subject_id, Attempts()),
        )

    def keep(self, judgment: Judgment) -> None:
        request, door = judgment.request, self.policy.door(judgment.request.door)
        if judgment.state is None or door is None:
            return
        self.states[door.name] = judgment.state
        if request.subject_id is not None:
            if judgment.pins is not None:
                self.pins[request.subject_id] = judgment.pins
            if judgment.claims is not None:
                self.claims[request.subject_id] = judgment.claims
        for subject_id in judgment.passing:
            if door.direction is Direction.IN:
                self.inside[subject_id, door.area] = request.at
            elif door.direction is Direction.OUT:
                self.inside.pop((subject_id, door.area), None)
