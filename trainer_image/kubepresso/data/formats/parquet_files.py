"""Parquet files of a data set: which belong to a split, and their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kubepresso.config.data import DataConfig
from kubepresso.data.formats.naming import SPLIT_ALIASES, canonical_split, named_places
from kubepresso.errors import UserError

_BATCH_ROWS = 64


def split_files(data: DataConfig, root: Path) -> dict[str, list[Path]]:
    """Return the files of each split.

    Raises:
        UserError: A place that is named holds none.
    """
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


def column_names(file: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises:
        UserError: It is no whole Parquet file.
    """
    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a whole Parquet file ({error})") from error


def check_columns(files: Sequence[Path], image: str, label: str) -> None:
    """Check that all files have both columns.

    Raises:
        UserError: One has not, or is no whole Parquet file.
    """
    problems = []
    for file in files:
        try:
            present = column_names(file)
        except UserError as error:
            problems += error.problems
            continue
        for key, column in (("image", image), ("label", label)):
            if column not in present:
                problems.append(
                    f"{file}: no column {column!r}, there are {', '.join(present)}; "
                    f"name it in data.metadata.features.{key}"
                )
    if problems:
        raise UserError(problems)


def read_rows(file: Path, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Stream the values of some columns, a few rows at a time.

    Raises:
        UserError: The file is broken, or has no such column.
    """
    try:
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            # One group at a time: a reader of several keeps the bytes of those it is done with.
            for group in range(parquet.num_row_groups):
                for batch in parquet.iter_batches(
                    _BATCH_ROWS, [group], columns=list(columns), use_threads=False
                ):
                    yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)
    except (pa.ArrowException, OSError, KeyError) as error:
        named = ", ".join(map(repr, columns))
        raise UserError(f"{file}: column {named} cannot be read ({error}); copy the file anew") from error


def image_parts(value: Any) -> tuple[bytes, str | None]:
    """Return the encoded bytes and the name of an image column's value."""
    if isinstance(value, dict):
        return value.get("bytes") or b"", value.get("path")
    return value or b"", None


def feature_of(file: Path, column: str) -> Any:
    """Return what the file's Hugging Face metadata say of a column, None where they say nothing."""
    metadata = pq.read_schema(file).metadata or {}
    try:
        return json.loads(metadata[b"huggingface"])["info"]["features"][column]
    except (KeyError, ValueError, TypeError):
        return None
