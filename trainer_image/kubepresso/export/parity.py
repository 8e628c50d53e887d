"""How far an ONNX file's output is from that of the graph it was made of."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from kubepresso.export.session import open_session


def onnx_difference(module: nn.Module, path: Path, images: Tensor) -> float:
    """Return the largest absolute difference between the outputs of ``module`` and of the ONNX file.

    Args:
        module: The network or graph, in evaluation mode.
        path: The ONNX file made of it.
        images: float32 [N, 3, H, W], as the network sees them.
    """
    session = open_session(path)
    with torch.no_grad():
        expected = module(images)
    (output,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    return float((torch.from_numpy(output) - expected).abs().max())
