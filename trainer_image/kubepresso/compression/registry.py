"""Compression methods by the name that ``model.compression.method`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import fx

from kubepresso.config.model import Compression
from kubepresso.registry import Registry


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


METHODS: Registry[Callable[[], Method]] = Registry("kubepresso.compression.methods")
