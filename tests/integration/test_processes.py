"""Every command as people run it: in a process of its own.

The other tests run commands inside theirs, which is quick. What only a process shows is here: that
`python -m facegate` starts each command, ends with its exit code, keeps results apart from remarks,
and never loads what is for training.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import process

from facegate.cli.main import app
from facegate.services.demo import COLLINS, HOPPER

COMMANDS = {
    "demo": ("demo --help", 0),
    "enroll": ("enroll {hopper} --name Grace --json", 10),
    "identify": ("identify {hopper} --json", 0),
    "verify": ("verify {collins} {hopper} --json", 11),
    "quality": ("quality {hopper}", 0),
    "people": ("people list --json", 0),
    "watch": ("watch --door lobby --source test:", 14),
    "kiosk": ("kiosk --help", 0),
    "doors": ("doors list --json", 0),
    "groups": ("groups list --json", 0),
    "policy": ("policy check --json", 0),
    "audit": ("audit verify --json", 0),
    "cameras": ("cameras check rtsp://a:g3heim@127.0.0.1:1/x --seconds 0.3", 12),
    "outputs": ("outputs list --json", 0),
    "pad": ("pad show --json", 0),
    "tune": ("tune {empty}", 4),
    "threshold": ("threshold show --json", 0),
    "eval": ("eval verification --root {empty}", 4),
    "report": ("report --root {empty} -o {empty}/report.html", 4),
    "train": ("train embedder --help", 0),
    "bench": ("bench --help", 0),
    "models": ("models verify --json", 0),
    "db": ("db status --json", 0),
    "doctor": ("doctor --json", 0),
}
"""One run of each command and its exit code; the demo runs from the wheel, in `test_wheel.py`."""

ONLY_FOR_TRAINING = {"torch", "onnx"}


def test_every_command_has_its_process() -> None:
    named = {str(one.name) for one in (*app.registered_commands, *app.registered_groups)}
    assert named == set(COMMANDS)


@pytest.mark.parametrize(("line", "code"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_in_a_process_of_its_own(
    line: str, code: int, enrolled: None, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    files = {"collins": COLLINS.path(), "hopper": HOPPER.path(), "empty": tmp_path / "empty"}
    ran = process(*(word.format(**files) for word in line.split()))
    assert ran.code == code, ran.out + ran.err
    assert not ran.loaded & ONLY_FOR_TRAINING
    assert "typer" in ran.loaded, "else it is not known what was loaded"
    assert "g3heim" not in ran.out + ran.err
    if "--json" in line:
        ran.json()
    if "--help" in line:
        assert "Usage" in ran.out
        assert not ran.loaded & {"numpy", "cv2", "sqlalchemy", "faiss", "onnxruntime"}
    if code not in {0, 10, 11}:
        assert ran.out == ""
        assert ran.err.startswith("Error: ")
