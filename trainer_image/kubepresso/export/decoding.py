"""From JSON values that may come from anyone to an FX graph, by the vocabulary alone."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from kubepresso.errors import UserError
from kubepresso.export.vocabulary import FUNCTIONS, METHODS, MODULES, MODULES_BY_NAME

# FX writes these names into Python source that it compiles: anything but a plain name could become code.
_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)
_PATH = re.compile(r"(?:(?!__)[A-Za-z0-9_]{1,100}\.){0,30}(?!__)[A-Za-z0-9_]{1,100}", re.ASCII)
#: The fewest and the most positional arguments of each operation.
_ARGUMENTS = {
    "placeholder": (0, 0),
    "call_module": (1, 1),
    "call_function": (1, 100),
    "call_method": (1, 100),
    "output": (1, 1),
}
_MOST_NODES = 100_000
_MOST_DEPTH = 8


def decode_modules(modules: Any, place: Path) -> nn.Module:
    """Return an empty root that holds each module at its path, built on the meta device (no memory).

    Raises:
        UserError: A path is no plain dotted name, or a class is unknown or refuses its arguments.
    """
    if not isinstance(modules, dict) or len(modules) > _MOST_NODES:
        raise UserError(f"{place}: modules must be a mapping of at most {_MOST_NODES} paths")
    root, problems = nn.Module(), []
    for path, description in modules.items():
        try:
            _attach(root, path, _build(description))
        except UserError as error:
            problems += [f"{place}: modules: {path[:100]!r}: {problem}" for problem in error.problems]
    if problems:
        raise UserError(problems[:20])
    return root


def _build(description: Any) -> nn.Module:
    name = description.get("type") if isinstance(description, dict) else None
    if not isinstance(name, str) or name not in MODULES_BY_NAME:
        raise UserError(f"type {name!r} is not allowed, allowed: {', '.join(MODULES_BY_NAME)}")
    cls = MODULES_BY_NAME[name]
    arguments = description.get("args")
    if not isinstance(arguments, dict) or set(arguments) != set(MODULES[cls]):
        raise UserError(f"args must have exactly {', '.join(MODULES[cls]) or 'nothing'}")
    try:
        with torch.device("meta"):
            return cls(**{key: decode_value(value, {}) for key, value in arguments.items()})
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UserError(f"{name} refuses its arguments: {error}") from error


def _attach(root: nn.Module, path: str, module: nn.Module) -> None:
    if not _PATH.fullmatch(path):
        raise UserError("a path has letters, digits, _ and dots, and no part begins with two underscores")
    *parents, name = path.split(".")
    parent = root
    for part in parents:
        if part not in parent._modules:
            _add(parent, part, nn.Module())
        parent = parent._modules[part]  # type: ignore[assignment]
    _add(parent, name, module)


def _add(parent: nn.Module, name: str, module: nn.Module) -> None:
    # add_module refuses the name of an attribute or method, such as "forward" or "weight".
    try:
        parent.add_module(name, module)
    except (KeyError, TypeError) as error:
        raise UserError(f"{name} cannot be the name of a module here: {error}") from error


def decode_graph(nodes: Any, root: nn.Module, place: Path) -> fx.Graph:
    """Return the graph of the nodes, checked for form.

    Args:
        nodes: The list of ``graph.json``.
        root: The modules that ``call_module`` may name.
        place: The file, for error messages.

    Raises:
        UserError: A node is malformed, calls what is not allowed, or uses a node that is not before it.
    """
    if not isinstance(nodes, list) or not 2 <= len(nodes) <= _MOST_NODES:
        raise UserError(f"{place}: nodes must be a list of 2 to {_MOST_NODES} nodes")
    graph = fx.Graph()
    known: dict[str, fx.Node] = {}
    callable_paths = {path for path, module in root.named_modules() if type(module) in MODULES}
    for index, data in enumerate(nodes):
        try:
            name, node = _append(graph, data, known, callable_paths)
        except UserError as error:
            raise UserError([f"{place}: nodes[{index}]: {problem}" for problem in error.problems]) from error
        known[name] = node
    operations = [data["op"] for data in nodes]
    if operations[-1] != "output" or operations.count("output") != 1 or operations.count("placeholder") != 1:
        raise UserError(f"{place}: a graph has one placeholder and ends in its one output")
    return graph


def _append(graph: fx.Graph, data: Any, known: dict[str, fx.Node], paths: set[str]) -> tuple[str, fx.Node]:
    if not isinstance(data, dict) or set(data) != {"name", "op", "target", "args", "kwargs"}:
        raise UserError("a node has exactly name, op, target, args, kwargs")
    name, operation = data["name"], data["op"]
    if not _is_plain(name) or name in known:
        raise UserError(f"name {str(name)[:100]!r} is not a new plain name")
    if not isinstance(operation, str) or operation not in _ARGUMENTS:
        raise UserError(f"op {str(operation)[:100]!r} is not allowed, allowed: {', '.join(_ARGUMENTS)}")
    if not isinstance(data["args"], list) or not isinstance(data["kwargs"], dict):
        raise UserError("args must be a list and kwargs a mapping")
    fewest, most = _ARGUMENTS[operation]
    if not fewest <= len(data["args"]) <= most:
        raise UserError(f"{operation} takes {fewest} to {most} arguments, not {len(data['args'])}")
    arguments = tuple(decode_value(value, known) for value in data["args"])
    if odd := [key for key in data["kwargs"] if not _is_plain(key)]:
        raise UserError(f"keyword {odd[0][:100]!r} is not a plain name")
    keywords = {key: decode_value(value, known) for key, value in data["kwargs"].items()}
    target = _decode_target(operation, data["target"], paths)
    return name, graph.create_node(operation, target, arguments, keywords, name)


def _is_plain(name: Any) -> bool:
    """Say whether a name can stand in Python source as a variable or keyword argument and mean no more."""
    usable = isinstance(name, str) and _NAME.fullmatch(name) is not None
    return usable and not keyword.iskeyword(name) and name != "self"


def _decode_target(operation: str, target: Any, paths: set[str]) -> str | Callable[..., Any]:
    if not isinstance(target, str):
        raise UserError("target must be text")
    if operation == "call_function" and target in FUNCTIONS:
        return FUNCTIONS[target]
    allowed = {
        "placeholder": _is_plain(target),
        "output": target == "output",
        "call_method": target in METHODS,
        "call_module": target in paths,
    }
    if not allowed.get(operation, False):
        raise UserError(f"{operation} {target[:100]!r} is not allowed")
    return target


def decode_value(value: Any, known: dict[str, fx.Node], depth: int = 0) -> Any:
    """Return the argument that ``encode_value`` wrote.

    Args:
        value: JSON.
        known: The nodes that stand before.
        depth: Nesting so far.

    Raises:
        UserError: The value is of no known form, nests too deeply, or names an unknown node.
    """
    if depth > _MOST_DEPTH:
        raise UserError(f"an argument nests deeper than {_MOST_DEPTH}")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [decode_value(item, known, depth + 1) for item in value]
    kind, content = next(iter(value.items())) if len(value) == 1 else (None, None)
    if kind == "node" and isinstance(content, str) and content in known:
        return known[content]
    if kind in {"tuple", "slice"} and isinstance(content, list):
        items = [decode_value(item, known, depth + 1) for item in content]
        if kind == "tuple":
            return tuple(items)
        if len(items) == 3:
            return slice(*items)
    if kind == "dict" and isinstance(content, dict):
        return {key: decode_value(item, known, depth + 1) for key, item in content.items()}
    raise UserError(f"{str(value)[:100]} is not a known argument")
