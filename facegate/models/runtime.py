"""The one door to onnxruntime."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facegate.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_SEVERITY_ERROR = 3


def open_session(weights: bytes, threads: int) -> InferenceSession:
    """Load a network that was read (and checked) before.

    Args:
        weights: contents of an ONNX file.
        threads: threads that one run may use, at least 1.

    Raises:
        ModelError: these bytes are not a network that can run here.
    """
    # Newer onnxruntime builds report to their maker over the network, and make a device id in the
    # home folder as soon as they are imported; a gate talks to nobody. Its own switch
    # (`disable_telemetry_events`) comes too late: the import has happened by then.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.set_default_logger_severity(_SEVERITY_ERROR)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # One block with a place for every map lets each lie where nothing was lately; a map taken from
    # memory just given back is still in the cache. The detection network is a tenth quicker so, the
    # embedding networks are 3 % slower.
    options.enable_mem_pattern = False
    # Idle threads that spin would take the cores from decoding and from the camera.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(
            weights, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common public base
        raise ModelError(f"A network cannot be loaded: {error}") from error
