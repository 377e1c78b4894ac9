from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facegate.errors import ModelError
from facegate.models.runtime import open_session


def test_what_is_no_network_is_refused() -> None:
    for data in (b"", b"not a network", os.urandom(1000)):
        with pytest.raises(ModelError, match="cannot be loaded"):
            open_session(data, 1)


def test_loading_a_network_leaves_no_trace_of_telemetry(tmp_path: Path) -> None:
    """Some onnxruntime builds make a device id on import, and send reports."""
    code = (
        "from facegate.bootstrap import start\n"
        "import numpy as np\n"
        "start().detector.detect(np.zeros((64, 64, 3), np.uint8))"
    )
    home = tmp_path / "nobody"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ORT_DISABLE_TELEMETRY"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert not [file for file in home.rglob("*") if "icrosoft" in str(file)]
