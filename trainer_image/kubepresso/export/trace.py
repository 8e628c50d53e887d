"""Trace a module into an FX graph that keeps the paths of its submodules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from kubepresso.errors import UserError
from kubepresso.export.vocabulary import plain_class


class _Tracer(fx.Tracer):
    """Stops at the modules that a graph as data can hold, also where they are subclassed."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return plain_class(m) is not None or super().is_leaf_module(m, module_qualified_name)


def trace(module: nn.Module) -> fx.GraphModule:
    """Return the FX graph of ``module``, with the same submodule paths (``backbone.*``, ``head.*``).

    The graph shares its parameters with ``module``. A GraphModule is returned as it is.

    Args:
        module: A module whose forward takes one tensor and has no data-dependent control flow.

    Raises:
        UserError: The forward cannot be followed.
    """
    if isinstance(module, fx.GraphModule):
        return module
    tracer = _Tracer()
    try:
        graph = tracer.trace(module)
    except (fx.proxy.TraceError, TypeError) as error:
        raise UserError(f"{type(module).__name__}: its forward cannot be traced: {error}") from error
    for node in graph.nodes:
        node.type = None  # the text of an annotation; it could not be resolved where the graph is loaded
    traced = fx.GraphModule(module, graph, type(module).__name__)
    traced.train(module.training)
    return traced


def input_like(module: nn.Module, input_size: Sequence[int], batch: int = 1) -> torch.Tensor:
    """Return zeros [batch, 3, height, width] on the device of the module's first parameter."""
    reference: Any = next(module.parameters(), torch.empty(0))
    return torch.zeros(batch, 3, *input_size, device=reference.device)
