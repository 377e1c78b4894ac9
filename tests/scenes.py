"""Scripted frames, faces and a desk, to drive a gate without a camera or networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import numpy as np
from fakes import ANY_QUALITY, DIM, MODEL, NOW, FakeEmbedder, embedding, face_at, threshold

from facegate.domain.access import Claim, DoorRules, Ruling
from facegate.domain.attacks import AttackVerdict, PadPolicy, Presentation
from facegate.domain.decisions import Candidate
from facegate.domain.faces import DetectedFace
from facegate.domain.frames import Frame
from facegate.domain.keypad import KeypadEntry
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.engine.concluding import Concluder
from facegate.engine.deciding import Decider
from facegate.engine.gate import Gate
from facegate.engine.limits import GateLimits
from facegate.engine.states import GateEvent, GateView
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.services.reading import FaceReader
from facegate.services.recognize import Recognizer

SIDE_WH = (640, 480)
NAMES = {1: "Ana", 2: "Ben", 3: "Eve"}
"""Enrolled people by number; 9 is a stranger."""


class Place:
    """Somebody in view: who, where, how large, and how the head is turned."""

    def __init__(self, person: int, x: float = 200, y: float = 120, size: float = 160) -> None:
        self.person, self.x, self.y, self.size = person, x, y, size
        self.landmarks: np.ndarray | None = None

    def face(self) -> DetectedFace:
        """What the detector finds of it."""
        face = face_at(self.x, self.y, self.size)
        return face if self.landmarks is None else replace(face, landmarks_xy=self.landmarks)


class ScriptedDetector:
    """Finds what the scene holds; raises when told to."""

    model_id = "scripted@000000000000"

    def __init__(self) -> None:
        self.people: list[Place] = []
        self.error: Exception | None = None

    def detect(self, frame_bgr: np.ndarray) -> list[DetectedFace]:
        if self.error is not None:
            raise self.error
        faces = [one.face() for one in self.people]
        return sorted(faces, key=lambda face: -face.area_px)


class ScriptedStore:
    """Knows the names of NAMES and nothing else."""

    class _Snapshot:
        def __enter__(self):
            return self

        def __exit__(self, *error: object) -> None:
            pass

        @property
        def subjects(self):
            return self

        def names(self, numbers):
            return {number: NAMES[number] for number in numbers if number in NAMES}

    def snapshot(self):
        return self._Snapshot()


class ScriptedGallery:
    """Holds one template of each of NAMES."""

    model_id = MODEL

    def __len__(self) -> int:
        return len(NAMES)

    def refresh(self) -> None:
        pass

    def search(self, probes: np.ndarray, model_id: str, top_k: int = 2) -> list:
        rows = []
        for probe in probes:
            found = [Candidate(n, float(embedding(n * 10) @ probe)) for n in NAMES]
            rows.append(tuple(sorted(found, key=lambda one: -one.similarity)[:top_k]))
        return rows


def recognizer() -> Recognizer:
    """The real one, on the scripted gallery."""
    return Recognizer(ScriptedStore(), ScriptedGallery(), ThresholdPolicy(threshold(), None, []))


class ScriptedCheck:
    """An attack check that says what it is told."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.frames = 0

    def add(self, frame: Frame, face: DetectedFace) -> None:
        self.frames += 1

    def score_of(self, number: int) -> float | None:
        return 0.5

    def verdict(self, numbers: object = None) -> AttackVerdict:
        return AttackVerdict(self._scene.presentation, 0.5, (), "pad@0", self.frames)


class ScriptedDesk:
    """Rules as it is told, and keeps every draft."""

    def __init__(self) -> None:
        self.door_rules = DoorRules(pad=PadPolicy.PASSIVE)
        self.receipts: list[tuple[Reason, ReceiptDraft]] = []
        self.notes: list[ReceiptDraft] = []
        self.taken_back: list[ReceiptDraft] = []
        self.ruling: Callable[[ReceiptDraft, str | None], Reason] = lambda draft, pin: draft.reason
        self.may_pass: set[int] = set(NAMES)
        self.error: Exception | None = None
        self.claimable: set[Reason] = set()
        self.claims: list[tuple[Claim, str | None]] = []
        self.claim_ruling: Callable[[Claim, str | None], Reason] = lambda *_: Reason.PIN_WRONG
        self.jumps: list[float] = []
        self.jump_error: Exception | None = None

    def rules(self) -> DoorRules:
        if self.error is not None:
            raise self.error
        return self.door_rules

    def conclude(
        self, draft: ReceiptDraft, pin: str | None, claim: Claim | None = None
    ) -> tuple[Ruling, str]:
        if claim is not None:
            self.claims.append((claim, pin))
        reason = self.ruling(draft, pin) if claim is None else self.claim_ruling(claim, pin)
        if reason is Reason.PIN_NEEDED and draft.reason is Reason.GRANTED and pin is None:
            return Ruling(reason), ""
        self.receipts.append((reason, draft))
        return Ruling(reason), str(len(self.receipts))

    def would_pass(self, subject_id: int, at: datetime) -> bool:
        return subject_id in self.may_pass

    def may_claim(self, reason: Reason, alike: frozenset[int], at: datetime) -> bool:
        return reason in self.claimable

    def claimed(self, entry: KeypadEntry) -> tuple[int | None, str]:
        numbers = {name: number for number, name in NAMES.items()}
        number = numbers.get(entry.claimed, entry.number)
        return (number, NAMES[number]) if number in NAMES else (None, "")

    def clock_changed(self, jump_s: float, at: datetime) -> None:
        if self.jump_error is not None:
            raise self.jump_error
        self.jumps.append(jump_s)

    def take_back(self, draft: ReceiptDraft) -> None:
        self.taken_back.append(draft)

    def note(self, draft: ReceiptDraft) -> None:
        self.notes.append(draft)


class Scene:
    """A gate, its camera at 20 frames a second, its door and everything that is written down."""

    def __init__(self, limits: GateLimits | None = None) -> None:
        self.detector, self.desk = ScriptedDetector(), ScriptedDesk()
        self.presentation = Presentation.BONA_FIDE
        self.opened: list[str] = []
        self.events: list[GateEvent] = []
        self.door_error: Exception | None = None
        self.time_s = 1000.0
        self.wall = NOW
        self._numbers = count()
        limits = limits or GateLimits()
        concluder = Concluder("lobby", "test:", {"embedder": MODEL}, self.desk, self._unlock)
        decider = Decider(recognizer(), self.desk, concluder, limits)
        reader = FaceReader(self.detector, FakeEmbedder())
        self.gate = Gate(
            "lobby", reader, lambda: ScriptedCheck(self), self.desk, decider, concluder,
            ANY_QUALITY, self.events.append, limits,
        )  # fmt: skip

    def _unlock(self, reference: str) -> None:
        if self.door_error is not None:
            raise self.door_error
        self.opened.append(reference)

    def frame(self) -> Frame:
        """What the camera sees now: a solid square for each face, on noise."""
        number = next(self._numbers)
        random = np.random.default_rng(number)
        bgr = random.integers(60, 70, (SIDE_WH[1], SIDE_WH[0], 3), dtype=np.uint8)
        for one in self.detector.people:
            x, y, size = int(one.x), int(one.y), int(one.size)
            bgr[max(0, y) : y + size, max(0, x) : x + size] = (200, 0, one.person * 10)
        return Frame(bgr, self.wall, self.time_s, number)

    def run(self, seconds: float, *people: Place, fps: float = 20) -> GateView:
        """Let people stand before the camera for a while; none: nobody."""
        self.detector.people = list(people)
        for _ in range(max(1, round(seconds * fps))):
            self.gate.step(self.frame())
            self.time_s += 1 / fps
            self.wall += timedelta(seconds=1 / fps)
        return self.gate.view

    @property
    def reasons(self) -> list[Reason]:
        """What the receipts say, oldest first."""
        return [reason for reason, _ in self.desk.receipts]

    def states(self) -> list[str]:
        """All states shown so far."""
        return [one.state.value for one in self.events if one.kind == "state"]


assert DIM > 10  # persons up to 9 have directions of their own
