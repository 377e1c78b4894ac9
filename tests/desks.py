"""A desk over a real database, for tests of what is ruled and remembered at a door."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from fakes import MODEL, NOW, embedding

from facegate.domain.doors import Door
from facegate.domain.people import Template
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.services.access import AccessControl
from facegate.services.audit import AuditRules, AuditTrail
from facegate.services.desk import GateDesk
from facegate.services.policy_edit import PolicyEditor
from facegate.store.unit_of_work import SqlStore


class Place:
    """A desk over a real database, with two people and a clock that is set."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.steady_s = 0.0
        self.anchors = folder / "anchors.jsonl"
        self.store = SqlStore(f"sqlite:///{folder / 'door.db'}", wait_s=0.2)
        self.numbers: dict[str, int] = {}
        with self.store.transaction() as work:
            for number, name in enumerate(("Ana", "Ben")):
                subject = work.subjects.add(name, NOW)
                self.numbers[name] = subject.subject_id
                template = Template(
                    0, 0, embedding(number * 10), MODEL, 1, "", f"{number:064x}", NOW
                )
                work.templates.add(subject.subject_id, template)
            work.commit()
        self.set(Door("lobby"), new=True)
        trail = AuditTrail(self.store, self.clock, AuditRules(self.anchors, anchor_every=2))
        self.desk = GateDesk(
            self.store, "lobby", AccessControl(self.clock), trail, lambda: self.steady_s
        )

    def clock(self) -> datetime:
        return self.now

    def set(self, door: Door, *, new: bool = False) -> None:
        with self.store.transaction() as work:
            editor = PolicyEditor(work, self.now)
            if new:
                editor.add_door(door, everyone=True)
            else:
                editor.set_door(door)
            work.commit()

    def draft(self, name: str = "Ana", reason: Reason = Reason.GRANTED) -> ReceiptDraft:
        self.now += timedelta(seconds=5)
        number = self.numbers.get(name)
        return ReceiptDraft(
            self.now, "lobby", "test:", reason, number, name if number else "", tau=0.5,
            similarity=0.8, explanation="1 more in view",
        )  # fmt: skip

    def receipts(self) -> list[tuple[int, Reason, str]]:
        with self.store.snapshot() as work:
            found = work.receipts.since(NOW - timedelta(days=1))
        return [(one.sequence, one.draft.reason, one.draft.explanation) for one in found]
