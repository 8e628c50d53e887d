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
    """Count parameters and multiply-accumulates for one image.

    Args:
        module: A network or a traced graph, see ``measure_macs``.
        input_size: Height and width in pixels.
    """
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return Cost(parameters, sum(measure_macs(module, input_size).values()))


def measure_macs(module: nn.Module, input_size: Sequence[int]) -> dict[str, int]:
    """Count the multiply-accumulates an image of each convolution and linear layer, by path in call order.

    Biases, norms, activations and pooling are not counted, the convention of most published tables
    (ResNet-18 at 224x224: 1.814 G).

    Args:
        module: A network or a traced graph; it is run once, in evaluation mode, and left as it was.
        input_size: Height and width in pixels.
    """
    macs: dict[str, int] = {}
    paths: dict[nn.Module, str] = {
        layer: path
        for path, layer in module.named_modules()
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    }

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        weight: Any = layer.weight
        # Each number of the output costs one filter; where a convolution is transposed, each of the input.
        numbers = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        macs[paths[layer]] = macs.get(paths[layer], 0) + numbers.numel() * weight[0].numel()

    handles = [layer.register_forward_hook(count) for layer in paths]
    modes = {layer: layer.training for layer in module.modules()}
    try:
        module.eval()
        with torch.no_grad():
            module(input_like(module, input_size))
    finally:
        for handle in handles:
            handle.remove()
        for layer, mode in modes.items():
            layer.training = mode
    return macs
