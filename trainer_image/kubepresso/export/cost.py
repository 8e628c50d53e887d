"""Parameters and multiply-accumulates of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from kubepresso.export.trace import input_like


@dataclass(frozen=True)
class Cost:
    """What one image costs: ``parameters`` (numbers) and ``macs`` (multiply-accumulates)."""

    parameters: int
    macs: int


def measure_cost(module: nn.Module, input_size: Sequence[int]) -> Cost:
    """Count parameters and multiply-accumulates for one image of ``input_size`` [height, width].

    Convolutions and matrix products count, biases, norms, activations and pooling do not (the convention of most
    published tables: ResNet-18 at 224x224 has 1.814 G).

    Args:
        module: A network or a traced graph; it is run once, in evaluation mode, and left as it was.
        input_size: Height and width in pixels.
    """
    macs = 0

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal macs
        macs += _macs(layer, output)

    counted = [layer for layer in module.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in counted]
    training = {layer: layer.training for layer in module.modules()}
    try:
        module.eval()
        with torch.no_grad():
            module(input_like(module, list(input_size)))
    finally:
        for handle in handles:
            handle.remove()
        for layer, mode in training.items():
            layer.training = mode
    return Cost(sum(parameter.numel() for parameter in module.parameters()), macs)


def _macs(layer: nn.Module, output: torch.Tensor) -> int:
    """Return the multiply-accumulates of one call: each output number costs one filter."""
    weight: Any = layer.weight
    return int(output.numel() * weight[0].numel())
