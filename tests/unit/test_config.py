from __future__ import annotations

from pathlib import Path

import pytest

from facegate.config import load_settings
from facegate.errors import ConfigError


def write_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "facegate.toml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("FACEGATE_CONFIG", str(file))


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml(tmp_path, monkeypatch, "threads = 3\n[detector]\nmin_face_px = 40\n")
    assert load_settings().threads == 3
    assert load_settings().detector.min_face_px == 40
    monkeypatch.setenv("FACEGATE_THREADS", "5")
    monkeypatch.setenv("FACEGATE_DETECTOR__MIN_FACE_PX", "50")
    assert load_settings().threads == 5
    assert load_settings().detector.min_face_px == 50
    assert load_settings(threads=7).threads == 7


@pytest.mark.parametrize(
    "text",
    ["thread = 3", "[detector]\nmin_face = 3", "threads = -1", "threads = 'many'", "= broken"],
)
def test_wrong_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    write_toml(tmp_path, monkeypatch, text)
    with pytest.raises(ConfigError):
        load_settings()


def test_unknown_variables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_TREADS", "3")
    with pytest.raises(ConfigError, match="FACEGATE_TREADS"):
        load_settings()


def test_unknown_nested_variables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_DETECTOR__MIN_FACE", "3")
    with pytest.raises(ConfigError):
        load_settings()


def test_a_named_file_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_CONFIG", "/nowhere/facegate.toml")
    with pytest.raises(ConfigError, match="nowhere"):
        load_settings()


def test_passwords_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_DATABASE_URL", "postgresql://gate:hunter2@db/x")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings)
    assert settings.url.endswith("hunter2@db/x")


def test_the_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    assert load_settings().url == f"sqlite:///{tmp_path / 'data' / 'facegate.db'}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thread = 3", "'thread' is not a setting"),
        ("[detector]\nmin_face = 3", "'detector.min_face' is not a setting"),
    ],
)
def test_an_unknown_setting_of_a_file_is_named_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    write_toml(tmp_path, monkeypatch, text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings()
    assert str(tmp_path / "facegate.toml") in str(caught.value)
    assert "Did you mean" in caught.value.hint


def test_an_unknown_nested_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_DETECTOR__MIN_FACE", "3")
    with pytest.raises(ConfigError, match="variable FACEGATE_DETECTOR__MIN_FACE") as caught:
        load_settings()
    assert "'min_face_px'" in caught.value.hint


def test_a_value_out_of_bounds_says_where_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_THREADS", "-1")
    with pytest.raises(ConfigError, match="threads") as caught:
        load_settings()
    assert "FACEGATE_THREADS" in caught.value.hint
