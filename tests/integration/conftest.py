"""Fixtures of commands that run end to end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import typer.main
import typer.testing
from commands import facegate


@pytest.fixture(scope="session", autouse=True)
def _commands_are_built_once() -> Iterator[None]:
    """Typer builds all commands for each one that runs; these tests run hundreds."""
    build_once = lru_cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", build_once)
        patch.setattr(typer.testing, "_get_command", build_once)
        yield


@pytest.fixture(scope="session")
def enrolled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which Collins and Hopper are enrolled; to be copied, never used."""
    from facegate.services.demo import COLLINS, HOPPER

    folder = tmp_path_factory.mktemp("enrolled") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEGATE_DATA_DIR", str(folder))
        for portrait in (COLLINS, HOPPER):
            ran = facegate("enroll", "--name", portrait.name, portrait.path())
            assert ran.code == 0, ran.out + ran.err
    return folder


@pytest.fixture
def enrolled(enrolled_home: Path, tmp_path: Path) -> None:
    """Eileen Collins and Grace Hopper are enrolled in this test's own data folder."""
    shutil.copytree(enrolled_home, tmp_path / "data")
