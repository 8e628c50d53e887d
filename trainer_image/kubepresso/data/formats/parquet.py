"""Parquet files with encoded images, as the Hugging Face hub stores them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import feature_columns
from kubepresso.data.formats.labels import Labelled, resolve_labels
from kubepresso.data.formats.naming import (
    SPLIT_ALIASES,
    canonical_split,
    mapped_classes,
    named_places,
    relative,
)
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import ClassLabel, RawSample, Source
from kubepresso.errors import UserError

_BATCH_ROWS = 64


@register("parquet")
class ParquetFiles:
    """Columns: the image (encoded bytes, or a struct of ``bytes`` and ``path``) and the label.

    A file belongs to the split that its name begins with (``train.parquet``,
    ``validation-00000-of-00002.parquet``), else to the folder that is named as a split;
    ``data.path.<split>.image`` names a file or folder outright. Class names come from ``data.id_mapping``,
    else from the file's own features, else from the set of values.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the label columns; see `registry.Format`."""
        files = _split_files(data, root)
        image, label = feature_columns(data)
        _check_columns([file for group in files.values() for file in group], image, label)
        written = {split: _read_labels(group, label, root) for split, group in files.items()}
        names = mapped_classes(data, root) or _feature_names(next(iter(files.values()))[0], label)
        names, indexes = resolve_labels(written, names, f"column {label!r}", findings)
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
            for number, value in enumerate(_read_column(file, self._image)):
                index = self._indexes[row]
                row += 1
                if index is not None:
                    image_bytes, path = _image_parts(value)
                    name = path or f"{place}:{number}"
                    yield RawSample(image_bytes, name, ClassLabel(index))


def _split_files(data: DataConfig, root: Path) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    given = named_places(data, root)
    for split, place in given.items():
        groups[split] = [place] if place.is_file() else sorted(place.rglob("*.parquet"))
    if not given:
        for file in sorted(root.rglob("*.parquet")):
            folders = list(reversed(file.relative_to(root).parent.parts))
            name = next((name for part in [file.stem, *folders] if (name := canonical_split(part))), "train")
            groups.setdefault(name, []).append(file)
    empty = [
        f"data.path.{split}.image: no .parquet file in {given[split]}"
        for split in groups
        if not groups[split]
    ]
    if empty:
        raise UserError(empty)
    return {split: groups[split] for split in SPLIT_ALIASES if split in groups}


def _check_columns(files: Sequence[Path], image: str, label: str) -> None:
    problems = []
    for file in files:
        try:
            schema = pq.read_schema(file)
        except (pa.ArrowException, OSError) as error:
            problems.append(f"{file}: not a whole Parquet file ({error})")
            continue
        for key, column in (("image", image), ("label", label)):
            if column not in schema.names:
                problems.append(
                    f"{file}: no column {column!r}, there are {', '.join(schema.names)}; "
                    f"name it in data.metadata.features.{key}"
                )
    if problems:
        raise UserError(problems)


def _read_labels(files: Sequence[Path], label: str, root: Path) -> list[Labelled]:
    return [
        Labelled(f"{place}:{row}", value)
        for file in files
        for place in [relative(file, root)]
        for row, value in enumerate(_read_column(file, label))
    ]


def _read_column(file: Path, column: str) -> Iterator[Any]:
    try:
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            # One group at a time: a reader of several keeps the bytes of those it is done with.
            for group in range(parquet.num_row_groups):
                for batch in parquet.iter_batches(_BATCH_ROWS, [group], columns=[column], use_threads=False):
                    yield from batch.column(0).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: column {column!r} cannot be read ({error}); copy the file anew") from error


def _image_parts(value: Any) -> tuple[bytes, str | None]:
    if isinstance(value, dict):
        return value.get("bytes") or b"", value.get("path")
    return value or b"", None


def _feature_names(file: Path, label: str) -> list[str] | None:
    metadata = pq.read_schema(file).metadata or {}
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, ValueError, TypeError):
        return None
    return [str(name) for name in names]
