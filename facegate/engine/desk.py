"""What a gate asks of whoever rules on requests and keeps the receipts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from facegate.domain.access import Claim, DoorRules, Ruling
from facegate.domain.keypad import KeypadEntry
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft


class Desk(Protocol):
    """Rules on requests and writes receipts, in one transaction; see `facegate.services.desk`."""

    def rules(self) -> DoorRules:
        """What the door asks for right now. Raises StoreError, DoorError."""

    def conclude(
        self, draft: ReceiptDraft, pin: str | None, claim: Claim | None = None
    ) -> tuple[Ruling, str]:
        """Rule on a draft and write it down.

        Returns:
            The ruling and the receipt's number; no number when a PIN has to come first.
        """

    def may_claim(self, reason: Reason, alike: frozenset[int], at: datetime) -> bool:
        """Whether a PIN may stand in for a face that was refused for a reason; changes nothing."""

    def claimed(self, entry: KeypadEntry) -> tuple[int | None, str]:
        """Number and name of the person named at the keypad; None and "" when there is none."""

    def clock_changed(self, jump_s: float, at: datetime) -> None:
        """The wall clock was set and runs steadily since: no delay may end early by it."""

    def would_pass(self, subject_id: int, at: datetime) -> bool:
        """Whether a person may pass right now; changes nothing."""

    def take_back(self, draft: ReceiptDraft) -> None:
        """The door did not open after a grant: nobody passed. Raises StoreError."""

    def note(self, draft: ReceiptDraft) -> None:
        """Write down a denial that needs no ruling; never raises."""
