"""Hugging Face imagefolder: images beside a ``metadata`` table, CSV or JSON Lines, of names and labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import feature_columns
from kubepresso.data.formats.detect import TABLES
from kubepresso.data.formats.image_folder_objects import open_objects
from kubepresso.data.formats.labels import Labelled, Value, parse_label, resolve_labels
from kubepresso.data.formats.naming import list_images, mapped_classes, relative, split_folders
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import FileSplit, Source, labelled_file
from kubepresso.data.formats.tables import read_lines, read_rows
from kubepresso.errors import UserError

_FILE_COLUMN = "file_name"


@register("image_folder")
class ImageFolder:
    """Each split's folder has a ``metadata.csv`` or ``.jsonl``; its label column holds indexes or names."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the tables; see `registry.Format`."""
        if data.task != "classification":
            return open_objects(data, root, findings)
        _, label = feature_columns(data)
        tables = {
            split: _read_table(folder, root, data, findings)
            for split, folder in split_folders(data, root).items()
        }
        written = {split: [written for written, _ in rows] for split, rows in tables.items()}
        names = mapped_classes(data, root, repeats=True)
        names, indexes = resolve_labels(written, names, f"column {label!r}", findings)
        splits = {}
        for split, rows in tables.items():
            pairs = zip(rows, indexes[split], strict=True)
            files = [labelled_file(file, relative(file, root), i) for (_, file), i in pairs if i is not None]
            splits[split] = FileSplit(files)
        return Source(names, splits)


def _read_table(
    folder: Path, root: Path, data: DataConfig, findings: Findings
) -> list[tuple[Labelled, Path]]:
    _, label = feature_columns(data)
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if table is None:
        raise UserError(
            f"{folder}: no {' or '.join(TABLES)}; each split's folder needs one, with columns {_FILE_COLUMN} "
            f"and {label}"
        )
    present = {relative(file, folder) for file in list_images(folder, root, data, findings)}
    rows = []
    for place, name, value in _named(table, root, label):
        if name in present:
            rows.append((Labelled(place, value), folder / name))
        else:
            findings.add("invalid_labels", place, f"{_FILE_COLUMN} {name!r} is not an image beside it")
    for name in sorted(present - {relative(file, folder) for _, file in rows}):
        findings.add("unused_files", relative(folder / name, root), f"no line of {table.name} names it")
    return rows


def _named(table: Path, root: Path, label: str) -> Iterator[tuple[str, str, Value]]:
    """Yield the place, file name and label of each line."""
    hint = " (data.metadata.features.label)"
    if table.suffix == ".csv":
        for place, row in read_rows(table, root, (_FILE_COLUMN, label), hint):
            yield place, row[_FILE_COLUMN] or "", parse_label(row[label])
        return
    for place, item in read_lines(table, root):
        if label not in item:
            raise UserError(f"{place}: the keys are {', '.join(item)}; needed: {_FILE_COLUMN}, {label}{hint}")
        yield place, item[_FILE_COLUMN], _value(item[label], place, label)


def _value(value: Any, place: str, label: str) -> Value:
    if isinstance(value, float) and value.is_integer():  # as tables write a column that has gaps
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | str | None):
        raise UserError(f"{place}: {label} is {value!r}; needed is a class, its name or its index")
    return value
