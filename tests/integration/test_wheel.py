"""The wheel must carry everything: installed elsewhere, it runs the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip does, with the build backend that is installed: no network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_migrations_and_every_model_with_its_card(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (ROOT / "assets").rglob("*"):
        if file.is_file():
            assert f"facegate/_assets/{file.relative_to(ROOT / 'assets').as_posix()}" in names
    for file in (ROOT / "migrations").rglob("*.py"):
        assert f"facegate/_migrations/{file.relative_to(ROOT / 'migrations').as_posix()}" in names
    assert not any(name.startswith("tests/") for name in names)


def test_demo_runs_from_a_wheel_installed_elsewhere(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(place), str(wheel)], check=True, capture_output=True)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("FACEGATE_")},
        "PYTHONPATH": str(place),
        "HOME": str(tmp_path),
    }
    where = "import facegate.bootstrap as b; print(b.__file__, b.models_folder())"
    seen = subprocess.run(
        [sys.executable, "-c", where],
        check=True, capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert all(part.startswith(str(place)) for part in seen.stdout.split())
    ran = subprocess.run(
        [sys.executable, "-m", "facegate", "demo", "--json", "--output", "sheet.jpg"],
        check=False, capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["as_expected"] == result["visits"] == 33
    assert (tmp_path / "sheet.jpg").stat().st_size > 10_000
    assert not (tmp_path / ".local").exists(), "the demo must leave the user's own data alone"
