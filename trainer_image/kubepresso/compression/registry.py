"""Compression methods by the name that ``model.compression.method`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from torch import fx

from kubepresso.config.model import Compression
from kubepresso.errors import UserError


class Method(Protocol):
    """A way to make a graph smaller."""

    def apply(self, graph: fx.GraphModule, input_size: Sequence[int], settings: Compression) -> None:
        """Change ``graph`` in place.

        Args:
            graph: In evaluation mode on the CPU, every parameter trainable.
            input_size: Height and width in pixels.
            settings: ``model.compression``.

        Raises:
            UserError: The settings do not fit the graph.
        """


METHODS: dict[str, type[Method]] = {}

_Method = TypeVar("_Method", bound=type[Method])


def register_method(name: str) -> Callable[[_Method], _Method]:
    """Register a class that is built without arguments and follows ``Method``."""

    def register(method: _Method) -> _Method:
        if name in METHODS:
            raise ValueError(f"{name} is registered twice: {METHODS[name]} and {method}")
        METHODS[name] = method
        return method

    return register


def find_method(name: str) -> Method:
    """Return the method of this name.

    Raises:
        UserError: There is none.
    """
    if name not in METHODS:
        allowed = ", ".join(sorted(METHODS))
        raise UserError(f"model.compression.method: {name} is not available, allowed: {allowed}")
    return METHODS[name]()
