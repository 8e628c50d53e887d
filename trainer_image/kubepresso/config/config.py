"""The six modules together, and views of some of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr

from kubepresso.config.augmentation import AugmentationConfig
from kubepresso.config.base import Section
from kubepresso.config.data import DataConfig
from kubepresso.config.document import dump
from kubepresso.config.environment import EnvironmentConfig
from kubepresso.config.logging import LoggingConfig
from kubepresso.config.model import ModelConfig
from kubepresso.config.problems import ConfigError, Mark
from kubepresso.config.training import TrainingConfig
from kubepresso.config.written import nearest

#: An item of a list as steps may name it: ``augmentation.train[2] (normalize)``.
_ITEM = re.compile(r"\[([0-9]+)\](?: \(\w+\))?")
Module = Literal["data", "augmentation", "model", "training", "logging", "environment"]


class _Modules(Section):
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _untrainable: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed, yet likely not meant: a line each, in the form of the errors."""
        return self._warnings

    def with_findings(self, warnings: Iterable[str], untrainable: Iterable[str]) -> Self:
        """Return a copy that carries these lines."""
        copy = self.model_copy()
        copy._warnings = tuple(warnings)
        copy._untrainable = tuple(untrainable)
        return copy

    @property
    def untrainable(self) -> tuple[str, ...]:
        """What has no implementation yet: a line each, in the form of the errors; none: it can be trained."""
        return self._untrainable

    @staticmethod
    def model_class(module: str) -> type[Section]:
        """Return the model of one module."""
        return _MODELS[module]

    def present(self) -> dict[str, Section]:
        """Return the modules that are there, by name."""
        return {name: getattr(self, name) for name in MODULES if getattr(self, name) is not None}

    def to_yaml(self, modules: Iterable[Module] | None = None) -> str:
        """Write modules as YAML, all keys with their values, defaults too.

        Args:
            modules: Names of modules; None: all that are there.

        Returns:
            A text which :func:`kubepresso.config.parse_view` reads back to equal values.
        """
        wanted = set(modules) if modules is not None else set(MODULES)
        content = {
            name: module.model_dump(mode="json") for name, module in self.present().items() if name in wanted
        }
        return dump(content)


class Config(_Modules):
    """A whole configuration. Attributes are the YAML's keys: ``config.training.optimizer.lr``."""

    data: DataConfig = Field(description="Where the images are.")
    augmentation: AugmentationConfig = Field(description="Recipes for training and inference.")
    model: ModelConfig = Field(description="Architecture, losses, compression.")
    training: TrainingConfig = Field(description="Epochs, optimizer, schedule.")
    logging: LoggingConfig = Field(LoggingConfig(), description="Output, checkpoints, promotion.")
    environment: EnvironmentConfig = Field(EnvironmentConfig(), description="Seed, loader, devices.")

    _written: Mapping[str, Mark] = PrivateAttr(default_factory=dict)

    def with_written(self, written: Mapping[str, Mark]) -> Self:
        """Return a copy that knows where its keys are written."""
        copy = self.model_copy()
        copy._written = written
        return copy

    def located(self, problem: str) -> str:
        """Put the place of its key before a problem such as ``data.layout: not for this task``.

        Args:
            problem: A line. One that does not begin with a key of a module is returned as it is.

        Returns:
            ``configs/data.yaml:7:11: data.layout: not for this task``; where the key is not written, the
            place of the nearest one above it, and where none is, the line alone.
        """
        said, colon, _ = problem.partition(": ")
        key = _ITEM.sub(r".\1", said)
        module, *inner = key.split(".")
        if not colon or module not in MODULES:
            return problem
        if inner and self.model_class(module).type_of(inner[0], None) is None:
            return problem  # data.json is a file
        mark = nearest(self._written, key)
        return problem if mark is None else f"{mark}: {problem}"


class View(_Modules):
    """Some of the modules: what one step reads. A module that is not there is None."""

    data: DataConfig | None = None
    augmentation: AugmentationConfig | None = None
    model: ModelConfig | None = None
    training: TrainingConfig | None = None
    logging: LoggingConfig | None = None
    environment: EnvironmentConfig | None = None

    def need(self, module: Module) -> Any:
        """Return a module that must be there.

        Raises:
            ConfigError: The view does not have it.
        """
        value = getattr(self, module)
        if value is None:
            present = ", ".join(name for name in MODULES if getattr(self, name) is not None) or "none"
            raise ConfigError(f"this configuration has no module {module}; it has {present}")
        return value


#: The names of the modules, in the order in which they are written.
MODULES: tuple[Module, ...] = ("data", "augmentation", "model", "training", "logging", "environment")
_MODELS: dict[str, type[Section]] = {
    "data": DataConfig,
    "augmentation": AugmentationConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "logging": LoggingConfig,
    "environment": EnvironmentConfig,
}
#: Modules that may be absent: all their keys have defaults.
OPTIONAL_MODULES: tuple[Module, ...] = ("logging", "environment")


def owners(key: str) -> list[str]:
    """Return the names of the modules that have a key: those it may be meant for where it is in none."""
    return [module for module in MODULES if key in _MODELS[module].model_fields]
