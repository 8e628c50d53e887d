"""Hugging Face imagefolder with boxes: ``metadata.jsonl``, or a CSV whose column of objects holds JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import columns_of
from kubepresso.data.formats.naming import list_images, relative, split_folders
from kubepresso.data.formats.row_labels import row_labels
from kubepresso.data.formats.source import FileSplit, ImageFile, Source
from kubepresso.data.formats.tables import parse_json, read_lines, read_rows
from kubepresso.errors import UserError

Row = tuple[str, Path, Any]
"""Where it stands, the image, and the value of the column of objects."""


def open_objects(data: DataConfig, root: Path, findings: Findings) -> Source:
    """Read the tables; see `registry.Format`."""
    tables = {
        split: list(_paired(folder, root, data, findings))
        for split, folder in split_folders(data, root).items()
    }
    values = [value for rows in tables.values() for _, _, value in rows]
    names, make = row_labels(data, root, None, lambda: values, findings)
    return Source(
        names,
        {
            split: FileSplit(
                [ImageFile(file, relative(file, root), make(value, place)) for place, file, value in rows]
            )
            for split, rows in tables.items()
        },
    )


def _paired(folder: Path, root: Path, data: DataConfig, findings: Findings) -> Iterator[Row]:
    present = {relative(file, folder) for file in list_images(folder, root, data, findings)}
    named = set()
    for place, row in _read(folder, root, data):
        name = row.get("file_name")
        if name not in present or name in named:
            findings.add(
                "missing_labels", place, f"file_name {name!r} is not an image beside it, or not once"
            )
            continue
        named.add(name)
        yield place, folder / name, row.get(columns_of(data, list(row))[1])
    for name in sorted(present - named):
        findings.add("missing_labels", relative(folder / name, root), "no line of the table names it")


def _read(folder: Path, root: Path, data: DataConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    lines, table = folder / "metadata.jsonl", folder / "metadata.csv"
    if lines.is_file():
        yield from read_lines(lines, root)
    elif table.is_file():
        for place, row in read_rows(table, root, ("file_name",)):
            label = columns_of(data, list(row))[1]
            yield place, {**row, label: parse_json(row.get(label) or "null", place)}
    else:
        raise UserError(f"{lines}: missing; each split's folder needs one, with file_name and objects")
