"""The one place that builds the concrete parts and puts them together."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facegate.config import Settings, load_settings
from facegate.domain.decisions import Threshold
from facegate.locations import shipped
from facegate.models.registry import ModelCard, Task, choose_card, read_cards

if TYPE_CHECKING:
    from facegate.gallery.faiss_gallery import FaissGallery
    from facegate.models.onnx_detector import DetectorSettings, OnnxFaceDetector
    from facegate.models.onnx_embedder import OnnxEmbedder
    from facegate.models.onnx_landmarker import OnnxLandmarker
    from facegate.services.enroll import Enroller
    from facegate.services.identify import Identifier
    from facegate.services.reading import FaceReader
    from facegate.store.face_cache import SqliteFaceCache
    from facegate.store.unit_of_work import SqlStore


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(timezone.utc)


def models_folder() -> Path:
    """The folder of networks and cards that ship."""
    return shipped("assets") / "models"


class FaceGate:
    """All parts, each built when it is first asked for.

    A command that only lists people never loads a network; `facegate models list` never opens the
    database.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = utc_now

    @cached_property
    def cards(self) -> list[ModelCard]:
        """The cards of all networks that ship."""
        return read_cards(models_folder())

    @cached_property
    def embedder_card(self) -> ModelCard:
        """The embedding network in use."""
        return choose_card(self.cards, Task.EMBEDDING, self.settings.embedder_model)

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
        )

    @cached_property
    def landmarker(self) -> OnnxLandmarker:
        """Our landmark network, which refines what the detector found."""
        from facegate.models.onnx_landmarker import Agreement, OnnxLandmarker
        from facegate.models.runtime import open_session

        card = self.landmarks_card
        session = open_session(card.read_weights(), self.settings.thread_count)
        return OnnxLandmarker(session, card.model_id, Agreement.from_card(card))

    @cached_property
    def embedder(self) -> OnnxEmbedder:
        """Our embedding network."""
        from facegate.models.onnx_embedder import OnnxEmbedder
        from facegate.models.runtime import open_session

        session = open_session(self.embedder_card.read_weights(), self.settings.thread_count)
        return OnnxEmbedder(session, self.embedder_card.model_id)

    @cached_property
    def reader(self) -> FaceReader:
        """Detector, aligner, quality and embedder in a row."""
        from facegate.services.reading import FaceReader

        return FaceReader(self.detector, self.embedder)

    def face_cache(self, folder: Path) -> SqliteFaceCache:
        """What these networks, with these settings, read from pictures, kept in a folder."""
        from facegate.services.reading import READING_REVISION
        from facegate.store.face_cache import SqliteFaceCache

        chain = {
            "detector": self.detector_card.sha256,
            "landmarks": self.landmarks_card.sha256,
            "embedder": self.embedder_card.sha256,
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

    def threshold(self) -> Threshold:
        """The threshold in force: the newest tuned one, else the shipped one."""
        from facegate.services.thresholds import current_threshold

        return current_threshold(self.store, self.embedder_card.model_id, self.shipped_threshold)

    def enroller(self) -> Enroller:
        """The use case behind `facegate enroll`."""
        from facegate.services.enroll import Enroller

        return Enroller(
            self.reader,
            self.store,
            self.gallery,
            self.threshold(),
            self.settings.enrollment.rules(),
            self.clock,
        )

    def identifier(self) -> Identifier:
        """The use case behind `facegate identify`."""
        from facegate.services.identify import Identifier

        return Identifier(
            self.reader,
            self.store,
            self.gallery,
            self.threshold(),
            self.settings.identification.rules(),
        )


def start(**overrides: Any) -> FaceGate:
    """Read the settings and get ready. Raises ConfigError."""
    return FaceGate(load_settings(**overrides))
