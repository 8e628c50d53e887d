"""CSV labels: ``image_id,class`` beside a folder of images."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.labels import Labelled, resolve_labels
from kubepresso.data.formats.naming import SPLIT_ALIASES, list_images, mapped_classes, relative, split_path
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import FileSplit, ImageFile, Source
from kubepresso.errors import UserError

COLUMNS = ("image_id", "class")


@register("csv_labels")
class CsvLabels:
    """``data.path.<split>.label`` holds file names and class indexes, ``data.path.<split>.image`` the files.

    Samples keep the order of the lines. A line whose file is missing or whose class is no index of a class is
    an invalid label, reported as ``file:line``; an image that no line names is reported as unused.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the tables; see `registry.Format`."""
        names = mapped_classes(data, root)
        tables = {
            split: _read_table(data, root, split, findings)
            for split in SPLIT_ALIASES
            if split_path(data, split, "label")
        }
        written = {split: [label for label, _ in rows] for split, rows in tables.items()}
        names, indexes = resolve_labels(written, names, "data.path", findings)
        splits = {}
        for split, rows in tables.items():
            pairs = zip(rows, indexes[split], strict=True)
            files = [ImageFile(file, relative(file, root), i) for (_, file), i in pairs if i is not None]
            splits[split] = FileSplit(files)
        return Source(names, splits)


Row = tuple[Labelled, Path]


def _read_table(data: DataConfig, root: Path, split: str, findings: Findings) -> list[Row]:
    table = root / (split_path(data, split, "label") or "")
    folder = root / (split_path(data, split, "image") or "")
    if not table.is_file():
        raise UserError(f"data.path.{split}.label: {table} is not a file; name it relative to data.path.root")
    if not folder.is_dir():
        raise UserError(
            f"data.path.{split}.image: {folder} is not a folder; name it relative to data.path.root"
        )
    present = {relative(file, folder) for file in list_images(folder, root, data, findings)}
    rows: list[Row] = []
    named: set[str] = set()
    for place, row in _lines(table, root):
        name = (row["image_id"] or "").strip()
        if PurePosixPath(name).as_posix() not in present:
            message = f"image_id {name!r} is not an image in {relative(folder, root)}"
            findings.add("invalid_labels", place, message)
            continue
        named.add(name)
        value = _parse_class(row["class"], place, findings)
        if value is not None:
            rows.append((Labelled(place, value), folder / name))
    for name in sorted(present - named):
        findings.add("unused_files", relative(folder / name, root), f"no line of {table.name} names it")
    return rows


def _lines(table: Path, root: Path) -> Iterator[tuple[str, dict[str, str | None]]]:
    with table.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        _check_header(table, reader.fieldnames)
        for row in reader:
            yield f"{relative(table, root)}:{reader.line_num}", row


def _check_header(table: Path, columns: object) -> None:
    found = list(columns) if isinstance(columns, (list, tuple)) else []
    if not set(COLUMNS) <= set(found):
        raise UserError(
            f"{table}:1: the columns are {', '.join(found) or 'none'}; needed: {', '.join(COLUMNS)}"
        )


def _parse_class(text: str | None, place: str, findings: Findings) -> int | None:
    try:
        return int((text or "").strip())
    except ValueError:
        findings.add("invalid_labels", place, f"class {text!r} is not a class index (a whole number from 0)")
        return None
