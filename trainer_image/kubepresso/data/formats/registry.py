"""Formats by name, and which one a configuration means."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.detect import detect_format
from kubepresso.data.formats.naming import NO_MATCH
from kubepresso.data.formats.source import Source
from kubepresso.errors import UserError

FORMATS = (
    "class_folders",
    "csv_labels",
    "parquet",
    "image_folder",
    "hub",
    "yolo",
    "coco",
    "coco_panoptic",
    "coco_keypoints",
    "voc",
    "masks",
    "keypoints_txt",
)
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
    _check_pattern(data, source, findings)
    return source


def _check_pattern(data: DataConfig, source: Source, findings: Findings) -> None:
    pattern = data.path.pattern.image if data.path is not None else None
    left_out = [found for found in findings.by_check["unused_files"] if found.message.startswith(NO_MATCH)]
    if pattern and left_out and not any(len(split) for split in source.splits.values()):
        raise UserError(
            f"data.path.pattern.image: {pattern!r} leaves out {len(left_out):,} files, such as "
            f"{left_out[0].place}, and no image is left"
        )
