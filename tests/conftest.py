"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does; no test is about that.
settings.register_profile("facegate", deadline=None)
settings.load_profile("facegate")

# Small networks run faster on one thread than threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _nobodys_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is made once for many tests sees no settings and data of whoever runs them either."""
    folder = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        # Its list of fonts takes seconds to make; every process of a test would make it again.
        patch.setenv("MPLCONFIGDIR", str(folder / "matplotlib"))
        _live_in(folder, patch)
        yield


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may see or touch the settings and data of whoever runs it, or of another test."""
    _live_in(tmp_path, monkeypatch)


def _live_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("FACEGATE_") and not name.startswith("FACEGATE_TEST_"):
            patch.delenv(name)
    home = folder / "home"
    home.mkdir()
    folders = ("HOME", *(f"XDG_{kind}_HOME" for kind in ("DATA", "CONFIG", "CACHE", "STATE")))
    for name in folders:
        patch.setenv(name, str(home))
    patch.setenv("FACEGATE_DATA_DIR", str(folder / "data"))


@pytest.fixture
def portrait_paths() -> dict[str, Path]:
    """Public-domain portraits that installed packages carry."""
    from facegate.services.demo import COLLINS, HOPPER

    return {"collins": COLLINS.path(), "hopper": HOPPER.path()}


@pytest.fixture(scope="session")
def lfw_mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pack of 407 LFW photographs: a folder per person."""
    import tarfile

    pack = SHARED / "data" / "lfw_mini.tar"
    if not pack.is_file():
        pytest.skip("needs lfw_mini.tar, photographs that must not be shipped, in ../shared/data")
    folder = tmp_path_factory.mktemp("lfw_mini")
    with tarfile.open(pack) as archive:
        archive.extractall(folder, filter="data")
    yield folder / "lfw_mini"
