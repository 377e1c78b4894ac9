"""The one door to onnxruntime."""

from __future__ import annotations

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
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(_SEVERITY_ERROR)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin would take the cores from decoding and from the camera.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            weights, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common public base
        raise ModelError(f"A network cannot be loaded: {error}") from error
