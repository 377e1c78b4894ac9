"""The networks that were added on this machine: a folder of weights, cards and one choice.

Nothing here is ever written into the package. A network exists when its card does; the card is
written last and in one step, so an interrupted addition leaves at most a file that nothing names.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from facegate.errors import ModelError
from facegate.models.contract import EncoderContract, clean_model_name
from facegate.models.contract_file import storable, toml_text
from facegate.models.registry import DIGEST_LETTERS, ModelCard, Task, read_card

RESERVED_NAMES = frozenset({"accurate", "fast", "default", "shipped"})
"""Aliases of networks that ship, now or later, and words that would be read as one."""

CHOICE_FILE = "choice.json"
ROLES = ("door", "folders")
"""What an embedding network can be chosen for: one picture at a time at a door, or folders."""


@dataclass(frozen=True, slots=True)
class BrokenCard:
    """A card in the folder that cannot be used; it never keeps other networks from working."""

    path: Path
    reason: str


class ModelLibrary:
    """The folder of added networks.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cards(self) -> tuple[list[ModelCard], list[BrokenCard]]:
        """All added networks, by name, and the cards that cannot be used."""
        good: list[ModelCard] = []
        broken: list[BrokenCard] = []
        for path in sorted(self.folder.glob("*.toml")):
            try:
                card = read_card(path, added=True)
                if card.task is not Task.EMBEDDING:
                    raise ModelError(f"The model card {path} is of no embedding network.")
                if path.stem != clean_model_name(card.name):
                    raise ModelError(f"The model card {path} has another network's name.")
                good.append(card)
            except ModelError as error:
                broken.append(BrokenCard(path, str(error)))
        return good, broken

    def add(
        self,
        weights: bytes,
        contract: EncoderContract,
        *,
        name: str,
        license_text: str,
        tau: float | None,
        margin: float,
        taken: Iterable[str],
        source: str,
        added_at: datetime,
    ) -> ModelCard:
        """Keep a network that was checked.

        Args:
            weights: the ONNX file's bytes, the very ones that were checked.
            contract: how to use it.
            name: what it will be called.
            license_text: as stated by whoever adds it.
            tau: threshold that came with it; None when none is known.
            margin: to go with tau.
            taken: names and aliases that it must not have.
            source: file name it came from.
            added_at: now.

        Raises:
            ModelError: the name cannot be or is taken, or the folder cannot be written.
        """
        name = clean_model_name(name)
        used = {one.casefold() for one in (*taken, *RESERVED_NAMES) if one}
        used |= {path.stem.casefold() for path in self.folder.glob("*.toml")}
        if name.casefold() in used:
            raise ModelError(
                f"A network called {name!r} is there already.",
                hint="Choose another --name, or `facegate models remove` the old one first.",
            )
        sha256 = hashlib.sha256(weights).hexdigest()
        file = f"{name}.{sha256[:DIGEST_LETTERS]}.onnx"
        probe = ModelCard(name, Task.EMBEDDING, self.folder / file, sha256, {}, contract, True)
        content: dict[str, Any] = {
            "name": name,
            "model": probe.model_id,
            "task": Task.EMBEDDING.value,
            "file": file,
            "sha256": sha256,
            "license": storable(license_text),
            "source": storable(source),
            "added_at": added_at.isoformat(),
            "contract": contract.as_dict(),
        }
        if tau is not None:
            nothing = {"errors": 0, "trials": 0, "low": 0.0, "high": 1.0}
            content["threshold"] = {
                "tau": tau,
                "margin": margin,
                "method": "contract",
                "f1": float("nan"),
                "data": "said by whoever supplied the network; not measured here",
                "created_at": added_at.isoformat(),
                "fmr": nothing,
                "fnmr": nothing,
            }
        card_path = self.folder / f"{name}.toml"
        try:
            self._make_folder()
            replace_file(self.folder / file, weights)
            try:
                replace_file(card_path, toml_text(content).encode("utf-8"))
            except BaseException:
                (self.folder / file).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._not_writable(error) from error
        return read_card(card_path, added=True)

    def remove(self, card: ModelCard) -> None:
        """Delete a network's card and weights, and any choice of it.

        Raises:
            ModelError: the folder cannot be written.
        """
        chosen = {role: name for role, name in self.choice().items() if not card.is_called(name)}
        try:
            if chosen != self.choice():
                self._write_choice(chosen)
            (self.folder / f"{card.name}.toml").unlink(missing_ok=True)
            card.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._not_writable(error) from error

    def remove_broken(self, card: BrokenCard) -> None:
        """Delete a card that cannot be used, with the weights of its name.

        Raises:
            ModelError: the folder cannot be written.
        """
        try:
            card.path.unlink(missing_ok=True)
            for file in self.folder.glob("*.onnx"):
                if file.name.rsplit(".", 2)[0] == card.path.stem:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise self._not_writable(error) from error

    def choice(self) -> dict[str, str]:
        """The network chosen for each role; a role without a choice is left out.

        Raises:
            ModelError: the file cannot be read; a door must not fall back to another network.
        """
        path = self.folder / CHOICE_FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{path}, which says what network is in use, cannot be read ({error}).",
                hint="`facegate models use NAME` writes it again.",
            ) from error
        fits = isinstance(found, dict) and all(
            role in ROLES and isinstance(name, str) for role, name in found.items()
        )
        if not fits:
            raise ModelError(
                f"{path}, which says what network is in use, is damaged.",
                hint="`facegate models use NAME` writes it again.",
            )
        return dict(found)

    def choose(self, role: str, name: str) -> None:
        """Choose a network for a role; an empty name takes the choice back.

        Raises:
            ModelError: the folder cannot be written.
        """
        try:
            chosen = self.choice()
        except ModelError:  # damaged: begin anew
            chosen = {}
        chosen.pop(role, None)
        if name:
            chosen[role] = name
        try:
            self._write_choice(chosen)
        except OSError as error:
            raise self._not_writable(error) from error

    def _write_choice(self, chosen: Mapping[str, str]) -> None:
        self._make_folder()
        text = json.dumps(chosen, indent=2, ensure_ascii=False)
        replace_file(self.folder / CHOICE_FILE, text.encode("utf-8"))

    def _make_folder(self) -> None:
        """Make the folder, and the data folder around it, private to this user."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.mkdir(exist_ok=True, mode=0o700)

    def _not_writable(self, error: OSError) -> ModelError:
        return ModelError(
            f"The folder of networks {self.folder} cannot be written ({error.strerror}).",
            hint="Change its permissions, or set FACEGATE_MODELS_DIR.",
        )


def replace_file(path: Path, data: bytes) -> None:
    """Write a private file in one step, safe against a power cut. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
