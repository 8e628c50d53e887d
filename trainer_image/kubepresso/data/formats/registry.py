"""Formats by name, and which one a configuration means."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.naming import named_places, split_folders
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
    3. A ``.parquet`` file in a place that ``data.path.<split>.image`` names or, where none does, anywhere
       below the root: ``parquet``.
    4. A ``metadata.csv`` in the folder of a split: ``image_folder``.
    5. Else ``class_folders``.

    Raises:
        UserError: A place that is named does not exist.
    """
    if root is None:
        return "hub"
    if data.path is not None and data.path.train.label:
        return "csv_labels"
    places = named_places(data, root).values() or [root]
    if any(place.suffix == ".parquet" or next(place.rglob("*.parquet"), None) for place in places):
        return "parquet"
    if any((folder / "metadata.csv").is_file() for folder in split_folders(data, root).values()):
        return "image_folder"
    return "class_folders"
