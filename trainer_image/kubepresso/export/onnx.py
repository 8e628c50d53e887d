"""ONNX files: one file with the weights inside, dynamic batch, checked."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

from kubepresso.errors import UserError
from kubepresso.export.trace import input_like
from kubepresso.storage.atomic import atomic_file

INPUT_NAME = "images"
OUTPUT_NAME = "output"
_REFUSALS = (
    torch.onnx.errors.OnnxExporterError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
)


def export_onnx(module: nn.Module, path: Path, input_size: Sequence[int], opset: int) -> None:
    """Write ``module`` in evaluation mode as ONNX: ``images`` [batch, 3, height, width] to ``output``.

    Args:
        module: A network or a traced graph; it is not changed.
        path: The file to write.
        input_size: Height and width in pixels; only the batch is dynamic.
        opset: The ONNX operator set of the file.

    Raises:
        UserError: An operation of the graph has no ONNX form in this operator set, or the disk is full.
    """
    module = copy.deepcopy(module).cpu().eval()
    example = input_like(module, list(input_size), batch=2)
    # In memory first, so that what the exporter refuses and what the disk refuses can be told apart.
    content = io.BytesIO()
    try:
        with _quietly():
            torch.onnx.export(
                module,
                (example,),
                content,  # type: ignore[arg-type]
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                dynamic_axes={INPUT_NAME: {0: "batch"}, OUTPUT_NAME: {0: "batch"}},
                opset_version=opset,
                dynamo=False,
            )
        onnx.checker.check_model(content.getvalue(), full_check=True)
    except _REFUSALS as error:
        raise UserError(f"{path}: the model cannot be written as ONNX opset {opset}: {error}") from error
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.getbuffer())


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's progress lines and warnings off the console; errors still raise."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
