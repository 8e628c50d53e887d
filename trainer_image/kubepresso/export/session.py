"""One way to open an ONNX file for running, the same for latency and for parity."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from kubepresso.errors import UserError

_SILENT = 3


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU.

    Raises:
        UserError: The file is missing or ONNX Runtime refuses it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime's exceptions share no public base class.
        raise UserError(f"{path}: ONNX Runtime cannot open it: {error}") from error
