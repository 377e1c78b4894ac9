"""The networks that ship: their cards, their digests, and which one does what."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from facegate.errors import ModelError, WeightsMismatch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DIGEST_LETTERS = 12
"""Part of the SHA-256 that goes into a model id: 48 bits tell any two real files apart."""


class Task(str, Enum):
    """What a network is for."""

    DETECTION = "face_detection"
    LANDMARKS = "face_landmarks"
    EMBEDDING = "face_embedding"


@dataclass(frozen=True)
class ModelCard:
    """What is known about one network.

    Attributes:
        name: file name without ending, for example `facegate-yolo-s1`.
        task: see Task.
        path: the ONNX file.
        sha256: digest that the file must have, hex.
        content: the whole card as read, for display.
    """

    name: str
    task: Task
    path: Path
    sha256: str
    content: dict[str, Any]

    @property
    def model_id(self) -> str:
        """Name and digest: retraining under an old name still makes another embedding space."""
        return f"{self.name}@{self.sha256[:DIGEST_LETTERS]}"

    def read_weights(self) -> bytes:
        """Read the file and make sure that it is the one described.

        The bytes that were checked are the bytes to load; the file could change in between.

        Raises:
            WeightsMismatch: the digest differs.
            ModelError: the file cannot be read.
        """
        try:
            weights = self.path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"The weights {self.path} cannot be read ({error.strerror})."
            ) from error
        actual = hashlib.sha256(weights).hexdigest()
        if actual != self.sha256:
            raise WeightsMismatch(self.path, self.sha256, actual)
        return weights


def read_cards(folder: Path) -> list[ModelCard]:
    """Read all model cards of a folder, by name.

    Raises:
        ModelError: a card cannot be read or lacks a key.
    """
    return [_read_card(path) for path in sorted(folder.glob("*.toml"))]


def choose_card(cards: list[ModelCard], task: Task, name: str = "") -> ModelCard:
    """Pick the network for a task: the one named, else the one whose card says `default = true`.

    Raises:
        ModelError: there is none, or no single one.
    """
    fitting = [card for card in cards if card.task is task]
    if name:
        chosen = [card for card in fitting if name in {card.name, card.model_id}]
    else:
        chosen = [card for card in fitting if card.content.get("default", False)] or fitting
    if len(chosen) != 1:
        known = ", ".join(card.name for card in fitting) or "none"
        wanted = f"called {name!r}" if name else "that is the default"
        raise ModelError(f"There is no single {task.value} model {wanted} (known: {known}).")
    return chosen[0]


def _read_card(path: Path) -> ModelCard:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return ModelCard(
            name=str(content["name"]),
            task=Task(content["task"]),
            path=path.with_name(str(content["file"])),
            sha256=str(content["sha256"]).lower(),
            content=content,
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"The model card {path} cannot be read: {error}.") from error
    except (KeyError, ValueError) as error:
        raise ModelError(f"The model card {path} is not complete: {error}.") from error
