"""Which layers make the output of a graph."""

from __future__ import annotations

from torch import fx, nn

PRUNABLE = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def final_layers(graph: fx.GraphModule) -> set[nn.Module]:
    """Return each convolution or linear layer from which no other one stands between it and the output.

    Their output channels are the classes, so no method may remove any.

    Args:
        graph: A traced graph with one output node.
    """
    found: set[nn.Module] = set()
    seen: set[fx.Node] = set()
    waiting = [node for node in graph.graph.nodes if node.op == "output"]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        layer = graph.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(layer, PRUNABLE):
            found.add(layer)
        else:
            waiting.extend(node.all_input_nodes)
    return found
