"""Compress a bundle's graph by the method that the configuration names."""

from __future__ import annotations

import copy

import torch
from torch import fx

from kubepresso.compression.registry import METHODS
from kubepresso.compression.report import CompressionReport, LayerChange, layer_sizes
from kubepresso.config.model import Compression
from kubepresso.errors import UserError
from kubepresso.export import measure_cost
from kubepresso.export.trace import input_like
from kubepresso.models import Bundle


def compress(bundle: Bundle, settings: Compression) -> tuple[fx.GraphModule, CompressionReport]:
    """Return a smaller graph and what changed. The bundle's own graph is left as it is.

    Args:
        bundle: A loaded model bundle.
        settings: ``model.compression``.

    Raises:
        UserError: The method is unknown, its settings do not fit the model, or it cannot handle the graph.
    """
    size = bundle.manifest.input_size
    method = METHODS.find(settings.method, "model.compression.method")()
    graph = copy.deepcopy(bundle.graph).eval().requires_grad_(True)
    before = layer_sizes(graph, size)
    method.apply(graph, size, settings)
    _check_output(bundle, graph, settings.method)
    after = layer_sizes(graph, size)
    changes = [LayerChange(path, kind, old, after[path][1]) for path, (kind, old) in before.items()]
    report = CompressionReport(
        settings.method,
        settings.ratio,
        changes,
        measure_cost(bundle.graph, size),
        measure_cost(graph, size),
    )
    return graph, report


@torch.no_grad()
def _check_output(bundle: Bundle, graph: fx.GraphModule, method: str) -> None:
    images = input_like(graph, bundle.manifest.input_size, batch=2)
    expected = bundle.graph(images).shape
    try:
        found = graph(images).shape
    except RuntimeError as error:
        raise UserError(f"model.compression: {method} cannot handle this model: {error}") from error
    if found != expected:
        raise UserError(
            f"model.compression: {method} changed the output from {list(expected)} to {list(found)}"
        )
