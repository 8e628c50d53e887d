"""A traced graph as data: ``graph.json`` and ``weights.safetensors``. Nothing in them is code.

``graph.json`` may come from anyone. Loading it looks up functions, methods and module classes in the tables
of ``vocabulary`` and nowhere else, and every name that FX writes into its generated Python is a plain one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, fx, nn

from kubepresso.errors import UserError
from kubepresso.export.decoding import decode_graph, decode_modules
from kubepresso.export.encoding import encode_modules, encode_nodes

GRAPH_FILE = "graph.json"
WEIGHTS_FILE = "weights.safetensors"
FORMAT = "kubepresso.graph/1"
_MOST_BYTES = 32 << 20


def save_graph(folder: Path, graph: fx.GraphModule) -> None:
    """Write ``graph.json`` and ``weights.safetensors`` (floating-point numbers as fp32) into a folder.

    Args:
        folder: Where the two files go; it exists.
        graph: A traced graph, see ``trace``; it is not changed.

    Raises:
        UserError: The graph uses a module, function or value that cannot be data; all of them at once.
    """
    document = {"format": FORMAT, "nodes": encode_nodes(graph), "modules": encode_modules(graph)}
    text = json.dumps(document, indent=1, allow_nan=False)
    (folder / GRAPH_FILE).write_text(text, encoding="utf-8")
    save_file({name: _portable(tensor) for name, tensor in graph.state_dict().items()}, folder / WEIGHTS_FILE)


def _portable(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().to(
        "cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True
    )
    return tensor.contiguous()


def load_graph(folder: Path) -> fx.GraphModule:
    """Return the graph that ``save_graph`` wrote, in evaluation mode, with every parameter trainable.

    Raises:
        UserError: A file is missing or damaged, the graph asks for something outside the vocabulary, or the
            weights do not fit it.
    """
    place = folder / GRAPH_FILE
    document = _read_document(place)
    root = decode_modules(document.get("modules"), place)
    graph = fx.GraphModule(root, decode_graph(document.get("nodes"), root, place), "GraphModule")
    _assign_weights(graph, folder / WEIGHTS_FILE)
    return graph.eval()


def _read_document(place: Path) -> dict[str, Any]:
    try:
        if place.stat().st_size > _MOST_BYTES:
            raise UserError(f"{place}: larger than {_MOST_BYTES >> 20} MiB, which no graph of a model is")
        document = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{place}: missing; this folder is not a whole model bundle") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UserError(f"{place}: not a graph of the format {FORMAT}, the only one known")
    return document


def _assign_weights(graph: nn.Module, place: Path) -> None:
    """Put the tensors of the file into modules that were built without memory of their own."""
    try:
        # Copied, for torch's own memory begins at multiples of 64 bytes and a file's tensors anywhere: there
        # matrix kernels sum in another order, and a loaded graph must compute what the network does, to the
        # bit.
        weights = {name: tensor.clone() for name, tensor in load_file(place).items()}
    except (FileNotFoundError, SafetensorError, OSError) as error:
        raise UserError(f"{place}: cannot be read ({error})") from error
    expected = {name: tensor.shape for name, tensor in graph.state_dict().items()}
    problems = [f"{place}: {name} is missing" for name in expected if name not in weights]
    problems += [
        f"{place}: {name} belongs to no module of the graph" for name in weights if name not in expected
    ]
    problems += [
        f"{place}: {name} has shape {list(weights[name].shape)}, the graph says {list(shape)}"
        for name, shape in expected.items()
        if name in weights and weights[name].shape != shape
    ]
    if problems:
        raise UserError(problems[:20])
    graph.load_state_dict(weights, assign=True)
