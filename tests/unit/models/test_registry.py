from __future__ import annotations

import re
from pathlib import Path

import pytest

from facegate.bootstrap import models_folder, start
from facegate.errors import ModelError, WeightsMismatch
from facegate.models.registry import Task, choose_card, read_cards

CARD = """
name = "x"
task = "face_embedding"
file = "x.onnx"
sha256 = "{}"
"""


def test_every_shipped_network_is_the_one_its_card_describes() -> None:
    cards = read_cards(models_folder())
    assert {card.task for card in cards} == set(Task)
    for card in cards:
        card.read_weights()
        assert {"license", "version", "input", "output", "training", "measured"} <= set(
            card.content
        )
        assert "interim" not in str(card.content).lower()
    weights = {file.name for file in models_folder().glob("*.onnx")}
    assert weights == {card.path.name for card in cards}


def test_the_weights_stay_within_forty_megabytes() -> None:
    files = [file for file in models_folder().parent.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 40e6


def test_a_default_threshold_ships_with_its_evidence() -> None:
    threshold = start().shipped_threshold
    assert 0 < threshold.tau < 1
    assert threshold.fmr.trials > 10_000
    assert threshold.fnmr.trials > 300
    assert threshold.fmr.low <= threshold.fmr.value <= threshold.fmr.high


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(CARD.format("0" * 64))
    (tmp_path / "x.onnx").write_bytes(b"something else")
    (card,) = read_cards(tmp_path)
    with pytest.raises(WeightsMismatch, match="not loaded"):
        card.read_weights()


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(CARD.format("0" * 64))
    with pytest.raises(ModelError, match="cannot be read"):
        read_cards(tmp_path)[0].read_weights()


@pytest.mark.parametrize(
    "text", ["not toml = = ", 'name = "x"', CARD.replace("embedding", "magic")]
)
def test_cards_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ModelError, match=re.escape("x.toml")):
        read_cards(tmp_path)


def test_other_bytes_are_another_model(tmp_path: Path) -> None:
    for number, digit in enumerate("ab"):
        (tmp_path / f"{number}.toml").write_text(CARD.format(digit * 64))
    first, second = read_cards(tmp_path)
    assert first.name == second.name
    assert first.model_id != second.model_id
    with pytest.raises(ModelError, match="no single"):
        choose_card([first, second], Task.EMBEDDING)
    assert choose_card([first, second], Task.EMBEDDING, second.model_id) is second
    with pytest.raises(ModelError, match="known: none"):
        choose_card([first, second], Task.DETECTION)
