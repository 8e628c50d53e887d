"""Formats by name, and which one a configuration means."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.source import Source
from kubepresso.errors import UserError

FORMATS = ("class_folders", "csv_labels", "parquet", "image_folder", "hub")
"""Each is a module of this package that registers one class under its own name."""


class Format(Protocol):
    """Reads one format."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """List the samples and their labels; images are read only when a split is iterated.

        Args:
            data: The data module of the configuration.
            root: The data set's root folder on this machine.
            findings: Receives labels that cannot be used.

        Raises:
            UserError: The layout is not what the format needs.
        """
        ...


_REGISTERED: dict[str, type[Format]] = {}


def register(name: str) -> Callable[[type[Format]], type[Format]]:
    """Register a format's class under the name of its module."""

    def decorate(cls: type[Format]) -> type[Format]:
        _REGISTERED[name] = cls
        return cls

    return decorate


def open_source(data: DataConfig, root: Path | None, findings: Findings) -> Source:
    """Find out the format and open the source.

    Args:
        data: The data module of the configuration.
        root: The data set's root folder on this machine; None for a repository of the hub.
        findings: Receives labels that cannot be used.

    Raises:
        UserError: The layout is not what the format needs, or there is nothing to train on.
    """
    name = detect_format(data, root)
    importlib.import_module(f"kubepresso.data.formats.{name}")
    source = _REGISTERED[name]().open(data, root or Path(), findings)
    if "train" not in source.splits:
        found = ", ".join(source.splits) or "none"
        raise UserError(f"data: no train split (read as {name}; splits found: {found})")
    return source


def detect_format(data: DataConfig, root: Path | None) -> str:
    """Return the name of the format; the first rule that holds decides.

    1. No root (``data.metadata.repo`` names a repository of the hub): ``hub``.
    2. ``data.path.train.label`` names a file: ``csv_labels``.
    3. A ``.parquet`` file anywhere below the root: ``parquet``.
    4. A ``metadata.csv`` below the root: ``image_folder``.
    5. Else ``class_folders``.
    """
    if root is None:
        return "hub"
    if data.path is not None and data.path.train.label:
        return "csv_labels"
    if next(root.rglob("*.parquet"), None):
        return "parquet"
    if next(root.rglob("metadata.csv"), None):
        return "image_folder"
    return "class_folders"
