"""Imports point one way, and each heavy library has one home."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import facegate

PACKAGE = Path(facegate.__file__).parent

MAY_IMPORT = {
    "errors": set(),
    "domain": {"errors"},
    "ports": {"domain"},
    "locations": {"errors"},
    "config": {"domain", "errors"},
    "vision": {"domain", "errors"},
    "evaluation": {"domain", "errors"},
    "report": {"domain", "errors", "evaluation"},
    "models": {"domain", "errors", "vision"},
    "gallery": {"domain", "errors", "ports"},
    "store": {"domain", "errors", "locations"},
    "services": {"domain", "errors", "ports", "vision", "evaluation"},
    "camera": {"domain", "errors", "vision"},
    "doors": {"domain", "errors"},
    "engine": {"domain", "errors", "ports", "services", "vision"},
    "kiosk": {"domain", "engine", "ports"},
    "training": {"domain", "errors", "vision", "evaluation", "models"},
    "bootstrap": {
        "camera", "config", "domain", "doors", "engine", "errors", "evaluation", "gallery",
        "locations", "models", "services", "store",
    },
}  # fmt: skip
"""What each part may import, beside itself; `cli` and `__main__` may import everything."""

HOMES = {
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "faiss": {"gallery"},
    "onnxruntime": {"models"},
    "torch": {"models", "training"},
    "onnx": {"training"},
    "argon2": {"services"},
    "typer": {"cli"},
    "rich": {"cli"},
    "PyQt6": {"kiosk"},
    "paho": {"doors"},
    "serial": {"doors"},
    "gpiod": {"doors"},
    "gpiozero": {"doors"},
    "osdp": {"doors"},
    "pydantic_settings": {"config"},
}
TORCH_MODULES = {
    "models/yolo.py",
    "models/mobilefacenet.py",
    "models/crop_encoder.py",
    "models/edgenext.py",
    "models/quantized_linear.py",
    "models/mobilenet.py",
    "models/landmarker.py",
    "models/pad_net.py",
}


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "facegate":
                found |= {f"facegate.{alias.name}" for alias in node.names}
    return found


def modules() -> list[Path]:
    return sorted(file for file in PACKAGE.rglob("*.py") if "_migrations" not in file.parts)


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    relative = file.relative_to(PACKAGE)
    part = relative.parts[0].removesuffix(".py")
    for name in imports_of(file):
        first, _, rest = name.partition(".")
        if first == "facegate" and rest and part in MAY_IMPORT:
            target = rest.partition(".")[0]
            assert target in MAY_IMPORT[part] | {part}, f"{relative} imports {name}"
        if first in HOMES:
            assert part in HOMES[first], f"{relative} imports {name}"
        if first == "torch" and part == "models":
            assert relative.as_posix() in TORCH_MODULES


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_after(
        "import sys; sys.argv = ['facegate', '--help']\n"
        "from facegate.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass"
    )
    heavy = {
        "numpy",
        "cv2",
        "torch",
        "sqlalchemy",
        "faiss",
        "onnxruntime",
        "pydantic",
        "PIL",
        "argon2",
        "PyQt6",
    }
    assert not loaded & heavy


def test_the_gate_never_loads_torch(portrait_paths: dict[str, Path]) -> None:
    loaded = loaded_after(
        "from facegate.bootstrap import start\n"
        "from facegate.vision.images import load_image\n"
        "from pathlib import Path\n"
        f"path = Path({str(portrait_paths['collins'])!r})\n"
        "assert start().identifier().identify_image(path, load_image(path)).faces"
    )
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "onnx", "sklearn", "matplotlib", "skimage", "alembic.command"} - {
        "alembic.command"  # the first use of a new data folder makes its database
    }
