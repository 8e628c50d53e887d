"""From an FX graph to plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from kubepresso.errors import UserError
from kubepresso.export.vocabulary import METHODS, MODULES, NAMES_OF_FUNCTIONS, plain_class


def encode_nodes(graph: fx.GraphModule) -> list[dict[str, Any]]:
    """Return the nodes in order: ``name``, ``op``, ``target``, ``args``, ``kwargs``.

    Raises:
        UserError: A node calls what is outside the vocabulary; all such nodes at once.
    """
    problems: list[str] = []
    nodes = []
    for node in graph.graph.nodes:
        try:
            nodes.append(
                {
                    "name": node.name,
                    "op": node.op,
                    "target": _target(node),
                    "args": [encode_value(value) for value in node.args],
                    "kwargs": {name: encode_value(value) for name, value in node.kwargs.items()},
                }
            )
        except UserError as error:
            problems += [f"node {node.name}: {problem}" for problem in error.problems]
    if problems:
        raise UserError(problems)
    return nodes


def _target(node: fx.Node) -> str:
    if node.op == "call_function":
        if node.target not in NAMES_OF_FUNCTIONS:
            raise UserError(f"the function {node.target} cannot be written as data")
        return NAMES_OF_FUNCTIONS[node.target]
    if node.op == "call_method" and node.target not in METHODS:
        raise UserError(f"the method {node.target} cannot be written as data")
    if node.op == "get_attr":
        raise UserError(f"{node.target} is a loose tensor; keep every parameter inside a torch.nn module")
    return str(node.target)


def encode_value(value: Any) -> Any:
    """Return an argument as JSON: a node is ``{"node": name}``, a tuple ``{"tuple": [...]}``, and so on.

    Raises:
        UserError: The value has no such form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if isinstance(value, slice):
        return {"slice": [encode_value(part) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, tuple):
        return {"tuple": [encode_value(item) for item in value]}
    if isinstance(value, list):
        return [encode_value(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode_value(item) for key, item in value.items()}}
    raise UserError(f"{value!r} ({type(value).__name__}) cannot be written as data")


def encode_modules(graph: fx.GraphModule) -> dict[str, Any]:
    """Return the class and constructor arguments of each module that the graph calls, by path.

    Raises:
        UserError: A module is not one of the vocabulary; all such modules at once.
    """
    called = {node.target for node in graph.graph.nodes if node.op == "call_module"}
    modules, problems = {}, []
    for path, module in graph.named_modules(remove_duplicate=False):
        if path not in called:
            continue
        cls = plain_class(module)
        if cls is None:
            problems.append(f"{path}: a module of {type(module).__qualname__} cannot be written as data")
        else:
            modules[path] = {"type": cls.__name__, "args": _constructor_arguments(module, cls)}
    if problems:
        raise UserError(problems)
    return modules


def _constructor_arguments(module: nn.Module, cls: type[nn.Module]) -> dict[str, Any]:
    arguments = {name: getattr(module, name) for name in MODULES[cls]}
    if "bias" in arguments:
        arguments["bias"] = arguments["bias"] is not None
    return {name: encode_value(value) for name, value in arguments.items()}
