"""What compression changed, layer by layer and in all."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from kubepresso.compression.final_layers import PRUNABLE
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
    """One layer before and after. ``kind`` is its class, ``depthwise`` said apart."""

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
        assert isinstance(layer, PRUNABLE)
        linear = hasattr(layer, "in_features")
        inputs, outputs = (
            (layer.in_features, layer.out_features) if linear else (layer.in_channels, layer.out_channels)
        )
        depthwise = not linear and 1 < layer.groups == layer.in_channels
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        kind = type(layer).__name__ + (" depthwise" if depthwise else "")
        sizes[path] = (kind, LayerSize(int(inputs), int(outputs), parameters, macs))
    return sizes
