"""Named builders, one in each module of a package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from kubepresso.errors import UserError

Built = TypeVar("Built", bound=Callable[..., object])


class Registry(Mapping[str, Built]):
    """Builders by the name they have in the YAML; a builder is added by a new module in the package.

    Args:
        package: The package whose modules register themselves, for example
            ``kubepresso.training.optimizers``; they are imported when the registry is first read.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._builders: dict[str, Built] = {}
        self._complete = False

    def register(self, name: str) -> Callable[[Built], Built]:
        """Return a decorator that puts a builder in under ``name``.

        Raises:
            ValueError: Another builder has this name.
        """

        def decorate(builder: Built) -> Built:
            if name in self._builders:
                raise ValueError(f"{self._package}: two builders are named {name}")
            self._builders[name] = builder
            return builder

        return decorate

    def find(self, name: str, key: str) -> Built:
        """Return the builder of this name.

        Raises:
            UserError: There is none; names the YAML ``key`` and what is allowed.
        """
        if name not in self:
            raise UserError(f"{key}: {name} is not available, allowed: {', '.join(sorted(self))}")
        return self[name]

    def __getitem__(self, name: str) -> Built:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Built]:
        if not self._complete:
            for module in pkgutil.iter_modules(importlib.import_module(self._package).__path__):
                importlib.import_module(f"{self._package}.{module.name}")
            self._complete = True
        return self._builders
