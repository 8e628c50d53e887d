"""CSV labels: ``image_id,class`` beside a folder of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.labels import Labelled, parse_label, resolve_labels
from kubepresso.data.formats.naming import (
    SPLIT_ALIASES,
    classes_of_values,
    list_images,
    mapped_classes,
    relative,
    split_path,
)
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import FileSplit, Source, labelled_file
from kubepresso.data.formats.tables import read_rows
from kubepresso.errors import UserError

COLUMNS = ("image_id", "class")


@register("csv_labels")
class CsvLabels:
    """``data.path.<split>.label`` holds file names and classes, ``data.path.<split>.image`` the files.

    Classes are indexes or names; without ``data.id_mapping`` the one or the other. Samples keep the order of
    the lines. A line whose file is missing or whose class is none is an invalid label, reported as
    ``file:line``; an image that no line names is reported as unused.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the tables; see `registry.Format`."""
        names = mapped_classes(data, root, repeats=True)
        tables = {
            split: _read_table(data, root, split, findings)
            for split in SPLIT_ALIASES
            if split_path(data, split, "label")
        }
        written = {split: [label for label, _ in rows] for split, rows in tables.items()}
        if names is None:
            names = _names_written(written)
        names, indexes = resolve_labels(written, names, "data.path", findings)
        splits = {}
        for split, rows in tables.items():
            pairs = zip(rows, indexes[split], strict=True)
            files = [labelled_file(file, relative(file, root), i) for (_, file), i in pairs if i is not None]
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
    for place, row in read_rows(table, root, COLUMNS):
        name = (row["image_id"] or "").strip()
        if PurePosixPath(name).as_posix() not in present:
            message = f"image_id {name!r} is not an image in {relative(folder, root)}"
            bare = name.replace("\\", "/").rpartition("/")[2]
            fix = f"; name it as it lies there, {bare!r}" if bare != name and bare in present else ""
            findings.add("invalid_labels", place, message + fix)
            continue
        named.add(name)
        rows.append((Labelled(place, parse_label(row["class"])), folder / name))
    for name in sorted(present - named):
        findings.add("unused_files", relative(folder / name, root), f"no line of {table.name} names it")
    return rows


def _names_written(tables: Mapping[str, Sequence[Labelled]]) -> list[str] | None:
    """Return the indexes in words where there are any, so that a stray name is no class; else None."""
    values = {label.value for labels in tables.values() for label in labels}
    indexes = {value for value in values if isinstance(value, int) and value >= 0}
    return classes_of_values(indexes, "data.path") if indexes else None
