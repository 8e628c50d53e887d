"""What compression changed, layer by layer and in all."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from kubepresso.export import Cost
from kubepresso.export.cost import measure_macs


@dataclass(frozen=True)
class LayerSize:
    """Channels, parameters and multiply-accumulates an image of one layer."""

    in_channels: int
    out_channels: int
    parameters: int
    macs: int


@dataclass(frozen=True)
class LayerChange:
    """One layer before and after. ``kind`` is for reading, for example ``convolution 3x3``."""

    path: str
    kind: str
    before: LayerSize
    after: LayerSize


@dataclass(frozen=True)
class CompressionReport:
    """All layers with weights in the order of calls, and the totals."""

    method: str
    ratio: float
    layers: list[LayerChange]
    before: Cost
    after: Cost


def layer_sizes(graph: fx.GraphModule, input_size: tuple[int, int]) -> dict[str, tuple[str, LayerSize]]:
    """Return kind and size of each convolution and linear layer by path, in the order of calls."""
    sizes = {}
    for path, macs in measure_macs(graph, input_size).items():
        layer = graph.get_submodule(path)
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        kind, inputs, outputs = _shape(layer)
        sizes[path] = (kind, LayerSize(inputs, outputs, parameters, macs))
    return sizes


def _shape(layer: nn.Module) -> tuple[str, int, int]:
    """Return kind, input channels and output channels."""
    if isinstance(layer, nn.Linear):
        return "linear", layer.in_features, layer.out_features
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d)
    kernel = "x".join(map(str, layer.kernel_size))
    depthwise = "depthwise " if 1 < layer.groups == layer.in_channels else ""
    return f"{depthwise}convolution {kernel}", layer.in_channels, layer.out_channels
