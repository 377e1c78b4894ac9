"""The networks: their cards, their digests, and which one does what."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from facegate.errors import ModelError, WeightsMismatch
from facegate.models.contract import EncoderContract, read_contract

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
    PAD = "presentation_attack_detection"


@dataclass(frozen=True)
class ModelCard:
    """What is known about one network.

    Attributes:
        name: file name without ending, for example `facegate-yolo-s1`.
        task: see Task.
        path: the ONNX file.
        sha256: digest that the file must have, hex.
        content: the whole card as read, for display.
        contract: how to use an added embedding network; None for those that ship, which all keep
            the same one.
        added: it was added here and did not come with FaceGate.
    """

    name: str
    task: Task
    path: Path
    sha256: str
    content: dict[str, Any]
    contract: EncoderContract | None = None
    added: bool = False

    @property
    def model_id(self) -> str:
        """Name and digest: retraining under an old name still makes another embedding space.

        So does another contract: with another mean the same file gives other embeddings.
        """
        digest = self.sha256
        if self.contract is not None:
            both = f"{self.sha256} {self.contract.digest}"
            digest = hashlib.sha256(both.encode()).hexdigest()
        return f"{self.name}@{digest[:DIGEST_LETTERS]}"

    @property
    def alias(self) -> str:
        """A short second name such as `accurate`; only networks that ship have one."""
        return "" if self.added else str(self.content.get("alias", ""))

    @property
    def is_default(self) -> bool:
        """Whether it is taken when none is chosen; only a network that ships can be."""
        return not self.added and self.content.get("default", False) is True

    def is_called(self, name: str) -> bool:
        """Whether a person means this network: by its name, its alias or its model id."""
        return bool(name) and name in {self.name, self.alias, self.model_id}

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
    return [read_card(path) for path in sorted(folder.glob("*.toml"))]


def choose_card(cards: list[ModelCard], task: Task, name: str = "") -> ModelCard:
    """Pick the network for a task: the one named, else the one whose card says `default = true`.

    Args:
        cards: of all networks.
        task: what it is for.
        name: name, alias or model id; empty for the default.

    Raises:
        ModelError: there is none, or no single one.
    """
    fitting = [card for card in cards if card.task is task]
    if name:
        chosen = [card for card in fitting if card.is_called(name)]
    else:
        chosen = [card for card in fitting if card.is_default]
        chosen = chosen or [card for card in fitting if not card.added]
    if len(chosen) != 1:
        known = ", ".join(card.name for card in fitting) or "none"
        wanted = f"called {name!r}" if name else "that is the default"
        raise ModelError(
            f"There is no single {task.value} model {wanted} (known: {known}).",
            hint="See `facegate models list`.",
        )
    return chosen[0]


def read_card(path: Path, *, added: bool = False) -> ModelCard:
    """Read one model card.

    Args:
        path: the card; the weights are beside it.
        added: it was added here: it must have a contract, and be unchanged since.

    Raises:
        ModelError: it cannot be read, lacks a key, or was changed.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        card = ModelCard(
            name=str(content["name"]),
            task=Task(content["task"]),
            path=path.with_name(str(content["file"])),
            sha256=str(content["sha256"]).lower(),
            content=content,
            contract=read_contract(content["contract"]) if added else None,
            added=added,
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"The model card {path} cannot be read: {error}.") from error
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"The model card {path} is not complete: {error}.") from error
    except ModelError as error:
        raise ModelError(f"The model card {path} is not right: {error}") from error
    if added and card.model_id != content.get("model"):
        raise ModelError(
            f"The model card {path} was changed since the network was added.",
            hint="Remove the network and add it again.",
        )
    return card
