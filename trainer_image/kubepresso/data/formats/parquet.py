"""Parquet files with encoded images, as the Hugging Face hub stores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import columns_of
from kubepresso.data.formats.labels import Labelled, resolve_labels
from kubepresso.data.formats.naming import mapped_classes, relative
from kubepresso.data.formats.parquet_files import (
    check_columns,
    column_names,
    feature_of,
    image_parts,
    read_rows,
    split_files,
)
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.row_labels import MakeLabel, class_names, row_labels
from kubepresso.data.formats.source import ClassLabel, RawSample, Source


@register("parquet")
class ParquetFiles:
    """Columns: the image (encoded bytes, or a struct of ``bytes`` and ``path``) and the label.

    Labels of detection and segmentation are those of `row_labels`.

    A file belongs to the split that its name begins with (``train.parquet``,
    ``validation-00000-of-00002.parquet``), else to the folder that is named as a split;
    ``data.path.<split>.image`` names a file or folder outright. Class names come from ``data.id_mapping``,
    else from the file's own features, else from the set of values.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the label columns; see `registry.Format`."""
        files = split_files(data, root)
        every = [file for group in files.values() for file in group]
        image, label = columns_of(data, column_names(every[0]))
        check_columns(every, image, label)
        if data.task != "classification":
            return _open_rows(data, root, files, image, label, findings)
        written = {split: _read_labels(group, label, root) for split, group in files.items()}
        mapped, given = mapped_classes(data, root, repeats=True), class_names(feature_of(every[0], label))
        names, indexes = resolve_labels(written, mapped, f"column {label!r}", findings, given)
        return Source(
            names, {split: ParquetSplit(group, root, image, indexes[split]) for split, group in files.items()}
        )


class ParquetSplit:
    """The files of one split, streamed in batches of rows.

    Args:
        files: In order.
        root: The source's root, for the names of samples.
        image: Name of the image column.
        indexes: Class index of each row, None to leave the row out.
    """

    def __init__(self, files: Sequence[Path], root: Path, image: str, indexes: Sequence[int | None]) -> None:
        self._files = files
        self._root = root
        self._image = image
        self._indexes = indexes
        self._labels = [index for index in indexes if index is not None]

    def __len__(self) -> int:
        return len(self._labels)

    def strata(self) -> list[tuple[int]]:
        """Return the class of each row."""
        return [(label,) for label in self._labels]

    def __iter__(self) -> Iterator[RawSample]:
        row = 0
        for file in self._files:
            place = relative(file, self._root)
            for number, (value,) in enumerate(read_rows(file, self._image)):
                index = self._indexes[row]
                row += 1
                if index is not None:
                    image_bytes, path = image_parts(value)
                    name = path or f"{place}:{number}"
                    yield RawSample(image_bytes, name, ClassLabel(index))


class ParquetRows:
    """The files of one split whose labels are made as rows are read.

    Args:
        files: In order.
        root: The source's root, for the names of samples.
        image: Name of the image column.
        label: Name of the label column.
        make: Makes the label of a row of its value and its place.
    """

    def __init__(self, files: Sequence[Path], root: Path, image: str, label: str, make: MakeLabel) -> None:
        self._files = files
        self._root = root
        self._image = image
        self._label = label
        self._make = make

    def __len__(self) -> int:
        return sum(pq.read_metadata(file).num_rows for file in self._files)

    def strata(self) -> list[Sequence[int]]:
        """Return the classes of each row."""
        return [
            self._make(value, "").classes()
            for file in self._files
            for (value,) in read_rows(file, self._label)
        ]

    def __iter__(self) -> Iterator[RawSample]:
        for file in self._files:
            for number, (image, value) in enumerate(read_rows(file, self._image, self._label)):
                image_bytes, path = image_parts(image)
                place = f"{relative(file, self._root)}:{number}"
                yield RawSample(image_bytes, path or place, self._make(value, place))


def _read_labels(files: Sequence[Path], label: str, root: Path) -> list[Labelled]:
    return [
        Labelled(f"{place}:{row}", value)
        for file in files
        for place in [relative(file, root)]
        for row, (value,) in enumerate(read_rows(file, label))
    ]


def _open_rows(
    data: DataConfig, root: Path, files: dict[str, list[Path]], image: str, label: str, findings: Findings
) -> Source:
    every = [file for group in files.values() for file in group]
    names, make = row_labels(
        data,
        root,
        class_names(feature_of(every[0], label)),
        lambda: (value for file in every for (value,) in read_rows(file, label)),
        findings,
    )
    return Source(
        names, {split: ParquetRows(group, root, image, label, make) for split, group in files.items()}
    )
