from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from networks import tiny_network

from facegate.errors import ModelError, WeightsMismatch
from facegate.models.contract import EncoderContract, read_contract
from facegate.models.contract_file import contract_text, read_contract_file, toml_text
from facegate.models.library import CHOICE_FILE, ModelLibrary
from facegate.models.registry import ModelCard, Task, choose_card

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
KEYS = {
    "input": "x", "output": "e", "size": 32, "layout": "nchw", "dtype": "float32",
    "color_order": "RGB", "mean": 127.5, "scale": 1 / 128, "dim": 8, "unit_length": False,
}  # fmt: skip


def contract(**changes: object) -> EncoderContract:
    return read_contract({**KEYS, **changes})


def add(library: ModelLibrary, name: str = "tiny", tau: float | None = None, **more) -> ModelCard:
    options = {
        "weights": tiny_network(), "contract": contract(), "name": name, "license_text": "MIT",
        "tau": tau, "margin": 0.04, "taken": ["facegate-x", "accurate"], "source": "a.onnx",
        "added_at": NOW, **more,
    }  # fmt: skip
    return library.add(**options)


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "data" / "models")


def test_what_was_added_comes_back_the_same_and_private(library: ModelLibrary) -> None:
    card = add(library, "顔-1", license_text='"quoted" \\ \x7f \n', source="caf\udce9.onnx")
    (found,), broken = library.cards()
    assert found == card
    assert broken == []
    assert found.read_weights() == tiny_network()
    assert found.contract == contract()
    assert found.content["license"] == '"quoted" \\ \x7f \n'
    assert found.model_id == f"顔-1@{found.model_id.partition('@')[2]}"
    if os.name == "posix":
        assert library.folder.stat().st_mode & 0o077 == 0
        assert library.folder.parent.stat().st_mode & 0o077 == 0
        assert found.path.stat().st_mode & 0o077 == 0
    assert not list(library.folder.glob("*.part"))


def test_another_contract_is_another_embedding_space(tmp_path: Path) -> None:
    first = add(ModelLibrary(tmp_path / "a"))
    second = add(ModelLibrary(tmp_path / "b"), contract=contract(mean=0))
    third = add(ModelLibrary(tmp_path / "c"), weights=tiny_network(seed=1))
    again = add(ModelLibrary(tmp_path / "d"), license_text="other", added_at=NOW.replace(year=2027))
    assert len({first.model_id, second.model_id, third.model_id}) == 3
    assert first.model_id == again.model_id


def test_a_file_changed_after_adding_is_never_loaded(library: ModelLibrary) -> None:
    card = add(library)
    data = bytearray(card.path.read_bytes())
    data[len(data) // 2] ^= 1
    card.path.write_bytes(bytes(data))
    (found,), _ = library.cards()
    with pytest.raises(WeightsMismatch):
        found.read_weights()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("127.5, 127.5", "0.0, 127.5"), ('"RGB"', '"BGR"'), ("size = 32", "size = 33"),
        ("tiny@", "tiny@0"), ('task = "face_embedding"', 'task = "face_detection"'),
        ('name = "tiny"', 'name = "big"'), ('file = "tiny', 'file = "../../tiny'),
        ("[contract]", "[contact]"), ('sha256 = "', 'sha256 = "0'), ("dim = 8", "dim = = 8"),
    ],
)  # fmt: skip
def test_a_changed_card_is_broken_and_leaves_the_others_alone(
    library: ModelLibrary, old: str, new: str
) -> None:
    add(library)
    other = add(library, "other")
    path = library.folder / "tiny.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    good, broken = library.cards()
    assert good == [other]
    assert [one.path for one in broken] == [path]
    assert "tiny.toml" in broken[0].reason
    library.remove_broken(broken[0])
    assert library.cards() == ([other], [])
    assert sorted(library.folder.glob("*.onnx")) == [other.path]


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "", "x\0", "accurate", "FAST", "Tiny"])
def test_names_that_lead_elsewhere_or_are_taken_are_refused(
    library: ModelLibrary, name: str
) -> None:
    add(library)
    before = sorted(library.folder.parent.parent.rglob("*"))
    with pytest.raises(ModelError):
        add(library, name, weights=tiny_network(seed=1))
    assert sorted(library.folder.parent.parent.rglob("*")) == before


def test_an_added_network_never_becomes_the_default_or_takes_an_alias(
    library: ModelLibrary,
) -> None:
    add(library)
    path = library.folder / "tiny.toml"
    text = 'default = true\nalias = "accurate"\n' + path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    (card,), _ = library.cards()
    assert (card.is_default, card.alias) == (False, "")
    with pytest.raises(ModelError, match="default"):
        choose_card([card], Task.EMBEDDING)
    assert choose_card([card], Task.EMBEDDING, "tiny") is card
    assert choose_card([card], Task.EMBEDDING, card.model_id) is card


def test_a_folder_that_cannot_be_written_is_an_error(
    library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = add(library)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("facegate.models.library.tempfile.mkstemp", refuse)
    with pytest.raises(ModelError, match="cannot be written"):
        add(library, "second")
    with pytest.raises(ModelError, match="cannot be written"):
        library.choose("door", "tiny")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ModelError, match="cannot be written"):
        library.remove(card)


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(ModelError, match="cannot be written"):
        add(ModelLibrary(tmp_path / "models"))


def test_a_power_cut_before_the_card_leaves_no_network(
    library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.replace, []

    class Cut(BaseException):
        pass

    def replace(self: Path, target: Path) -> Path:
        calls.append(target)
        if target.suffix == ".toml":
            raise Cut
        real(self, target)
        return target

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(Cut):
        add(library)
    monkeypatch.undo()
    assert len(calls) == 2
    assert library.cards() == ([], [])
    assert list(library.folder.iterdir()) == []
    add(library)


def test_choices_are_kept_by_role_and_go_with_the_network(library: ModelLibrary) -> None:
    assert library.choice() == {}
    card = add(library)
    library.choose("door", card.model_id)
    library.choose("folders", "fast")
    assert library.choice() == {"door": card.model_id, "folders": "fast"}
    library.remove(card)
    assert library.choice() == {"folders": "fast"}
    library.choose("folders", "")
    assert library.choice() == {}
    assert library.cards() == ([], [])
    assert not list(library.folder.glob("*.onnx"))


@pytest.mark.parametrize("text", ["", "[]", '{"door": 3}', '{"window": "x"}', "{"])
def test_a_damaged_choice_is_an_error_and_never_another_network(
    library: ModelLibrary, text: str
) -> None:
    library.choose("door", "x")
    (library.folder / CHOICE_FILE).write_text(text)
    with pytest.raises(ModelError, match="in use"):
        library.choice()
    library.choose("door", "y")
    assert library.choice() == {"door": "y"}


def test_a_tau_that_came_along_is_kept_without_evidence(library: ModelLibrary) -> None:
    from facegate.services.thresholds import shipped_threshold

    card = add(library, tau=0.4)
    found = shipped_threshold(card.model_id, card.content)
    assert (found.tau, found.method, found.fmr.trials) == (0.4, "contract", 0)
    assert found.is_set
    assert np.isnan(found.fmr.value)
    none = add(library, "none")
    assert not shipped_threshold(none.model_id, none.content).is_set


def test_contract_files_come_back_and_hostile_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(contract_text("x", "MIT", contract()), encoding="utf-8")
    keys = read_contract_file(path)
    assert keys["template"] == "arcface"
    assert read_contract(keys) == contract()
    for text in ("= =", "tempo = 3", "name = 3", "license = []", "\ufffe", "# " + "x" * 70_000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ModelError):
            read_contract_file(path)
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ModelError, match="TOML"):
        read_contract_file(path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_contract_file(tmp_path / "gone.toml")


def test_toml_is_written_as_it_is_read() -> None:
    from facegate.models.registry import tomllib

    content = {
        "text": 'a "b" \\ \n\t\x01\x7f ü 李', "flag": True, "whole": 3, "part": 1 / 3,
        "list": [[1.5, 2.0], [3.0, 4.0]], "table": {"key": "value", "inner": {"a": 1, "b": 0.5}},
    }  # fmt: skip
    assert tomllib.loads(toml_text(content)) == content
