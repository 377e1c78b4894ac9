"""The one place that builds the concrete parts and puts them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from facegate.config import Settings, load_settings
from facegate.domain.decisions import Threshold
from facegate.domain.pad_limits import PadLimits
from facegate.domain.targets import ThresholdTarget
from facegate.errors import EvaluationError
from facegate.locations import shipped
from facegate.models.library import ModelLibrary
from facegate.models.registry import ModelCard, Task, choose_card, read_cards

if TYPE_CHECKING:
    from facegate.domain.calibration import Calibration
    from facegate.domain.people import Template
    from facegate.doors.plugins import MovesALock
    from facegate.engine.attack_check import AttackCheck
    from facegate.evaluation.operating_point import ThresholdPolicy
    from facegate.evaluation.stranger_risk import StrangerRisk
    from facegate.gallery.faiss_gallery import FaissGallery
    from facegate.models.onnx_detector import DetectorSettings, OnnxFaceDetector
    from facegate.models.onnx_embedder import OnnxEmbedder
    from facegate.models.onnx_landmarker import OnnxLandmarker
    from facegate.models.onnx_pad import OnnxPad
    from facegate.services.access import AccessControl
    from facegate.services.audit import AuditTrail
    from facegate.services.enroll import Enroller
    from facegate.services.identify import Identifier
    from facegate.services.reading import FaceReader
    from facegate.services.recognize import Recognizer
    from facegate.services.reenroll import Reenroller
    from facegate.services.replay import ReplayChain
    from facegate.store.face_cache import SqliteFaceCache
    from facegate.store.unit_of_work import SqlStore


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(timezone.utc)


def models_folder() -> Path:
    """The folder of networks and cards that ship."""
    return shipped("assets") / "models"


SMALL_NETWORK_THREADS = 1
"""Of those that ship but for the detector: to wake a second thread for layers this small takes
longer than it saves (landmarks 0.58 and 0.80 ms on two cores, attacks 3.1 and 4.0, `fast` 2.8 and
3.9; the same bits). Several faces are shared among threads instead."""


class FaceGate:
    """All parts, each built when it is first asked for.

    A command that only lists people never loads a network; `facegate models list` never opens the
    database.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = utc_now
        self._tuned: Threshold | None = None

    @cached_property
    def cards(self) -> list[ModelCard]:
        """The cards of all networks: those that ship and those that were added."""
        return read_cards(models_folder()) + self.library.cards()[0]

    @cached_property
    def library(self) -> ModelLibrary:
        """The networks that were added on this machine."""
        return ModelLibrary(self.settings.models_folder)

    @cached_property
    def embedder_card(self) -> ModelCard:
        """The embedding network in use: the one set, else the one chosen, else the default."""
        name = self.settings.embedder_model or self.library.choice().get("door", "")
        return choose_card(self.cards, Task.EMBEDDING, name)

    @cached_property
    def batch_card(self) -> ModelCard:
        """The embedding network meant for folders; the door's when none is."""
        name = self.settings.batch_embedder_model or self.library.choice().get("folders", "")
        if name:
            return choose_card(self.cards, Task.EMBEDDING, name)
        fast = [card for card in self.cards if card.alias == "fast"]
        return fast[0] if fast else self.embedder_card

    @cached_property
    def detector_card(self) -> ModelCard:
        """The detection network in use."""
        return choose_card(self.cards, Task.DETECTION, self.settings.detector.model)

    @cached_property
    def landmarks_card(self) -> ModelCard:
        """The landmark network in use."""
        return choose_card(self.cards, Task.LANDMARKS)

    @cached_property
    def store(self) -> SqlStore:
        """The database, brought to the newest schema on first use."""
        from facegate.store.unit_of_work import SqlStore

        return SqlStore(self.settings.url)

    @cached_property
    def detector(self) -> OnnxFaceDetector:
        """Our face detector."""
        from facegate.models.onnx_detector import OnnxFaceDetector
        from facegate.models.runtime import open_session

        return OnnxFaceDetector(
            open_session(self.detector_card.read_weights(), self.settings.thread_count),
            self._detector_settings(),
            self.detector_card.model_id,
            self.landmarker,
        )

    def _detector_settings(self) -> DetectorSettings:
        from facegate.models.onnx_detector import DetectorSettings

        wanted = self.settings.detector
        return DetectorSettings(
            score_threshold=wanted.score_threshold,
            min_face_px=wanted.min_face_px,
            max_faces=wanted.max_faces,
            zoom_crops=wanted.zoom_crops,
            tiles=wanted.tiles,
            brighten_below=wanted.brighten_below,
        )

    @cached_property
    def landmarker(self) -> OnnxLandmarker:
        """Our landmark network, which refines what the detector found."""
        from facegate.models.onnx_landmarker import OnnxLandmarker
        from facegate.models.runtime import open_session

        card = self.landmarks_card
        session = open_session(card.read_weights(), SMALL_NETWORK_THREADS)
        return OnnxLandmarker(session, card.model_id)

    @cached_property
    def pad_card(self) -> ModelCard:
        """The attack network in use."""
        return choose_card(self.cards, Task.PAD)

    @cached_property
    def pad(self) -> OnnxPad:
        """Our attack network."""
        from facegate.models.onnx_pad import OnnxPad
        from facegate.models.runtime import open_session

        card = self.pad_card
        session = open_session(card.read_weights(), SMALL_NETWORK_THREADS)
        return OnnxPad(session, card.model_id)

    @cached_property
    def pad_limits(self) -> PadLimits:
        """What the attack network's scores mean, as its card says."""
        from facegate.models.onnx_pad import limits_of

        return limits_of(self.pad_card)

    def attack_check(self) -> AttackCheck:
        """A new check of one tracked face against attacks."""
        from facegate.engine.attack_check import AttackCheck

        return AttackCheck(self.pad, self.pad_limits)

    @cached_property
    def embedder(self) -> OnnxEmbedder:
        """The embedding network in use."""
        from facegate.models.onnx_embedder import OnnxEmbedder
        from facegate.models.runtime import open_session

        card, threads = self.embedder_card, self.settings.thread_count
        if card.contract is not None:  # added, and maybe large
            return OnnxEmbedder(
                open_session(card.read_weights(), threads), card.model_id, card.contract
            )
        session = open_session(card.read_weights(), SMALL_NETWORK_THREADS)
        return OnnxEmbedder(session, card.model_id, threads=threads)

    @cached_property
    def reader(self) -> FaceReader:
        """Detector, aligner, quality and embedder in a row."""
        from facegate.services.reading import FaceReader

        return FaceReader(self.detector, self.embedder, self.embedder.geometry)

    def face_cache(self, folder: Path) -> SqliteFaceCache:
        """What these networks, with these settings, read from pictures, kept in a folder."""
        from facegate.services.reading import READING_REVISION
        from facegate.store.face_cache import SqliteFaceCache

        chain = {
            "detector": self.detector_card.sha256,
            "landmarks": self.landmarks_card.sha256,
            "embedder": self.embedder_card.model_id,  # weights and contract
            "detector_settings": asdict(self._detector_settings()),
            "reading": READING_REVISION,
        }
        return SqliteFaceCache(folder, chain)

    @cached_property
    def gallery(self) -> FaissGallery:
        """The search index over the store's templates of the embedding network in use."""
        from facegate.gallery.faiss_gallery import FaissGallery

        gallery = FaissGallery(
            self.store, self.embedder_card.model_id, self.settings.data_dir / "index"
        )
        gallery.refresh()
        return gallery

    @property
    def shipped_threshold(self) -> Threshold:
        """The threshold that the embedding network's card carries."""
        from facegate.services.thresholds import shipped_threshold

        return shipped_threshold(self.embedder_card.model_id, self.embedder_card.content)

    def baseline(self) -> Threshold:
        """The F1 threshold in force: the newest tuned one, else the shipped one."""
        from facegate.services.thresholds import current_threshold

        if self._tuned is not None:
            return self._tuned
        return current_threshold(self.store, self.embedder_card.model_id, self.shipped_threshold)

    def threshold_policy(self, target: ThresholdTarget | None = None) -> ThresholdPolicy:
        """What gives the threshold of every search.

        Args:
            target: to try out; else the settings' one, else the stored one.
        """
        from facegate.services.thresholds import shipped_tails, threshold_policy

        if target is None and self.settings.threshold_target:
            target = ThresholdTarget.parse(self.settings.threshold_target)
        tails = shipped_tails(self.embedder_card.model_id, self.embedder_card.content)
        return threshold_policy(self.store, self.shipped_threshold, tails, target)

    def threshold(self) -> Threshold:
        """The threshold of a search among the people who are enrolled right now."""
        return self.stranger_risk().threshold

    def stranger_risk(self) -> StrangerRisk:
        """How safe the door is with the people who are enrolled right now."""
        from facegate.services.thresholds import stranger_risk

        return stranger_risk(self.store, self.threshold_policy())

    def calibration(self) -> Calibration | None:
        """From similarity to probability, for operators; None when none was fitted."""
        with self.store.snapshot() as work:
            return work.thresholds.calibration(self.embedder_card.model_id)

    def enroller(self) -> Enroller:
        """The use case behind `facegate enroll`."""
        from facegate.services.enroll import Enroller

        return Enroller(
            self.reader,
            self.store,
            self.gallery,
            self.baseline(),
            self.settings.enrollment.rules(),
            self.clock,
            keep_crops=self.settings.keep_crops,
        )

    def access_control(self, *, has_clock: bool = True) -> AccessControl:
        """Rules on requests to pass a door.

        Args:
            has_clock: False for recordings that are read fast, whose times no clock shows.
        """
        from facegate.services.access import AccessControl

        return AccessControl(self.clock if has_clock else None)

    def reenroller(self) -> Reenroller:
        """The use case behind `facegate people reenroll`."""
        from facegate.services.reenroll import Reenroller

        return Reenroller(self.store, self.embedder, self.embedder.geometry, self.clock)

    def recognizer(self) -> Recognizer:
        """Searches the people who are enrolled, at the threshold for them."""
        from facegate.services.recognize import Recognizer

        return Recognizer(self.store, self.gallery, self.threshold_policy())

    def identifier(self) -> Identifier:
        """The use case behind `facegate identify`."""
        from facegate.services.identify import Identifier

        return Identifier(
            self.reader,
            self.recognizer(),
            self.settings.identification.rules(),
            self.calibration(),
        )

    def audit_trail(self) -> AuditTrail:
        """The chain of receipts, with its anchors."""
        from facegate.services.audit import AuditRules, AuditTrail

        rules = AuditRules(
            anchor_file=self.settings.anchors,
            anchor_every=self.settings.anchor_every,
            anchor_after=timedelta(minutes=self.settings.anchor_minutes),
            keep_pictures=self.settings.keep_pictures,
            picture_days=self.settings.picture_days,
        )
        return AuditTrail(self.store, self.clock, rules)

    def models_in_use(self) -> dict[str, str]:
        """The network of each role, as receipts name it."""
        return {
            "detector": self.detector_card.model_id,
            "landmarks": self.landmarks_card.model_id,
            "embedder": self.embedder_card.model_id,
            "pad": self.pad_card.model_id,
        }

    def replay_chain(self) -> ReplayChain:
        """The networks in use, to decide again what a receipt decided."""
        from facegate.gallery.compare import similarities
        from facegate.services.replay import ReplayChain

        def load(numbers: Sequence[int]) -> list[Template]:
            with self.store.snapshot() as work:
                return list(work.templates.load(numbers))

        return ReplayChain(
            self.models_in_use(), self.detector, self.reader, load, similarities, self.pad
        )

    def door_output(self, text: str, door: str) -> MovesALock:
        """Open the output of a door, with the secrets it names. Raises DoorError."""
        from facegate.doors.plugins import open_output
        from facegate.doors.secrets import OutputContext

        secrets = {n.lower(): v.get_secret_value() for n, v in self.settings.doors.secrets.items()}
        return open_output(text, OutputContext(door, secrets))

    def beside(self) -> FaceGate:
        """The same networks for one more door at the same time: database and index are its own.

        Networks keep nothing between two runs, so several threads may use them.
        """
        gate = FaceGate(self.settings)
        gate.clock = self.clock
        gate.detector, gate.landmarker, gate.pad = self.detector, self.landmarker, self.pad
        gate.embedder, gate.reader = self.embedder, self.reader
        return gate

    def with_model(self, name: str) -> FaceGate:
        """The same gate with another embedding network."""
        gate = FaceGate(self.settings.model_copy(update={"embedder_model": name}))
        gate.store, gate.clock = self.store, self.clock
        return gate

    def apart(self, folder: Path) -> FaceGate:
        """The same networks over an empty database in another folder."""
        update = {
            "data_dir": folder,
            "database_url": SecretStr(""),
            "models_dir": self.settings.models_folder,
            "embedder_model": self.embedder_card.model_id,
            "keep_crops": False,
            "anchor_file": folder / "anchors.jsonl",
        }
        gate = FaceGate(self.settings.model_copy(update=update))
        gate._tuned = self.baseline()  # the new database knows of no tuning
        return gate

    def forget_indexes(self) -> None:
        """Delete the copies of the search indexes of all networks: somebody was removed.

        They are made again when they are next needed, from what is left.
        """
        for file in (self.settings.data_dir / "index").glob("*.index"):
            file.unlink(missing_ok=True)

    def for_folders(self) -> FaceGate:
        """The gate that identifies folders.

        It uses the network meant for folders only when that cannot cost anybody a match: everybody
        whom the door would search has a template of it too, and it has a threshold.
        """
        door, batch = self.embedder_card.model_id, self.batch_card.model_id
        if door == batch:
            return self
        with self.store.snapshot() as work:
            at_door = set(work.templates.searchable_ids(door).values())
            with_batch = set(work.templates.searchable_ids(batch).values())
        if not at_door or not at_door <= with_batch:
            return self
        gate = self.with_model(batch)
        if not gate.baseline().is_set:
            return self
        try:
            gate.threshold_policy()
        except EvaluationError:  # the target cannot be kept with it: it has no measured tails
            return self
        return gate


def start(model: str = "", **overrides: Any) -> FaceGate:
    """Read the settings and get ready.

    Args:
        model: name, alias or model id of an embedding network; empty: the one in use.
        overrides: settings that win over the environment and the file.

    Raises:
        ConfigError: a setting is wrong.
    """
    if model:
        overrides["embedder_model"] = model
    return FaceGate(load_settings(**overrides))
