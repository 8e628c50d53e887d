"""Transforms by the name they have in ``augmentation.train`` and ``augmentation.inference``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, TypeVar

from kubepresso.augmentation.adapters import SampleTransform
from kubepresso.augmentation.batch import BatchTransform
from kubepresso.augmentation.context import BuildContext

Built = SampleTransform | BatchTransform
_BUILDERS: dict[str, Callable[[Any, BuildContext], Built]] = {}
Builder = TypeVar("Builder", bound=Callable[[Any, BuildContext], Built])


def register(name: str) -> Callable[[Builder], Builder]:
    """Register a builder: a function from the config entry and the `BuildContext` to a
    `SampleTransform` or a `BatchTransform`.

    Args:
        name: The entry's ``name``.
    """

    def decorate(builder: Builder) -> Builder:
        if name in _BUILDERS:
            raise ValueError(f"two transforms are named {name}")
        _BUILDERS[name] = builder
        return builder

    return decorate


def builders() -> dict[str, Callable[[Any, BuildContext], Built]]:
    """Return all builders by name; imports every module of ``kubepresso.augmentation.transforms``."""
    package = importlib.import_module("kubepresso.augmentation.transforms")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _BUILDERS
