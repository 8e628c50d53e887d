"""Named builders, one in each module of a package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

Built = TypeVar("Built", bound=Callable[..., object])


class Registry(Generic[Built]):
    """Builders by the name they have in the YAML; a builder is added by a new module in the package.

    Args:
        package: The package whose modules register themselves, for example
            ``kubepresso.training.optimizers``.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._builders: dict[str, Built] = {}
        self._complete = False

    def register(self, name: str) -> Callable[[Built], Built]:
        """Return a decorator that puts a builder in under ``name``."""

        def decorate(builder: Built) -> Built:
            if name in self._builders:
                raise ValueError(f"{self._package}: two builders are named {name}")
            self._builders[name] = builder
            return builder

        return decorate

    def all(self) -> Mapping[str, Built]:
        """Return every builder by name; the first call imports the package's modules."""
        if not self._complete:
            for module in pkgutil.iter_modules(importlib.import_module(self._package).__path__):
                importlib.import_module(f"{self._package}.{module.name}")
            self._complete = True
        return self._builders

    def __getitem__(self, name: str) -> Built:
        return self.all()[name]
