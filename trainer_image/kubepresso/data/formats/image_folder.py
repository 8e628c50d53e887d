"""Hugging Face imagefolder: images beside a ``metadata.csv`` with ``file_name`` and a label column."""

from __future__ import annotations

from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import feature_columns
from kubepresso.data.formats.image_folder_objects import open_objects
from kubepresso.data.formats.labels import Labelled, parse_label, resolve_labels
from kubepresso.data.formats.naming import list_images, mapped_classes, relative, split_folders
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import FileSplit, Source, labelled_file
from kubepresso.data.formats.tables import read_rows
from kubepresso.errors import UserError

_FILE_COLUMN = "file_name"


@register("image_folder")
class ImageFolder:
    """Each split's folder has a ``metadata.csv``; its label column holds indexes or names."""

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
    table = folder / "metadata.csv"
    if not table.is_file():
        raise UserError(
            f"{table}: missing; each split's folder needs one, with columns {_FILE_COLUMN} and {label}"
        )
    present = {relative(file, folder) for file in list_images(folder, root, data, findings)}
    rows = []
    for place, row in read_rows(table, root, (_FILE_COLUMN, label), " (data.metadata.features.label)"):
        name = row[_FILE_COLUMN] or ""
        if name in present:
            rows.append((Labelled(place, parse_label(row[label])), folder / name))
        else:
            findings.add("invalid_labels", place, f"{_FILE_COLUMN} {name!r} is not an image beside it")
    for name in sorted(present - {relative(file, folder) for _, file in rows}):
        findings.add("unused_files", relative(folder / name, root), f"no line of {table.name} names it")
    return rows
