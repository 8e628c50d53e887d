"""A repository of the Hugging Face hub, through ``datasets``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import columns_of
from kubepresso.data.formats.detect import is_saved
from kubepresso.data.formats.labels import Labelled, resolve_labels
from kubepresso.data.formats.naming import canonical_split, mapped_classes
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.row_labels import MakeLabel, class_names, row_labels
from kubepresso.data.formats.source import ClassLabel, ImageFile, Label, RawSample, Source, read_sample
from kubepresso.errors import UserError


@register("hub")
class Hub:
    """``data.metadata.repo`` with ``subset``; downloaded to ``custom_cache_dir``. None of its code runs.

    Or a folder that ``save_to_disk`` wrote.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Download and list; see `registry.Format`."""
        loaded = _load_saved(root) if root != Path() and is_saved(root) else _load(data)
        tables = {name: table for key, table in loaded.items() if (name := canonical_split(str(key)))}
        image, label = columns_of(data, next(iter(tables.values())).column_names if tables else ())
        for name, table in tables.items():
            missing = [column for column in (image, label) if column not in table.column_names]
            if missing:
                raise UserError(
                    f"data.metadata.features: split {name} has no column {', '.join(missing)}, "
                    f"there are {', '.join(table.column_names)}"
                )
        features = next(iter(tables.values())).features.to_dict() if tables else {}
        feature_names = class_names(features.get(label))
        if data.task != "classification":
            return _open_rows(data, root, tables, image, label, feature_names, findings)
        written = {
            name: [Labelled(f"{name}:{row}", value) for row, value in enumerate(table[label])]
            for name, table in tables.items()
        }
        mapped = mapped_classes(data, root, repeats=True)
        names, indexes = resolve_labels(written, mapped, f"column {label!r}", findings, feature_names)
        return Source(names, {name: _HubSplit(table, image, indexes[name]) for name, table in tables.items()})


def _open_rows(
    data: DataConfig,
    root: Path,
    tables: dict[str, Any],
    image: str,
    label: str,
    feature_names: list[str] | None,
    findings: Findings,
) -> Source:
    encoded = {name: _encoded(table, image, label) for name, table in tables.items()}
    names, make = row_labels(
        data,
        root,
        feature_names,
        lambda: (row[label] for name in encoded for row in encoded[name].select_columns([label])),
        findings,
    )
    return Source(names, {name: _HubRows(table, name, image, label, make) for name, table in encoded.items()})


def _load_saved(root: Path) -> dict[str, Any]:
    try:
        loaded = datasets.load_from_disk(str(root))
    except Exception as error:  # KeyError, TypeError and others for files that are not what they should be
        raise UserError(
            f"{root}: a data set saved by datasets, and cannot be read ({error}); save it anew, or write its "
            "splits with to_parquet"
        ) from error
    return dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {"train": loaded}


def _load(data: DataConfig) -> dict[str, Any]:
    metadata = data.metadata
    if metadata is None or not metadata.repo:
        raise UserError(
            "data.metadata.repo: needed for data.format huggingface; name a repository or a folder"
        )
    try:
        loaded = datasets.load_dataset(metadata.repo, metadata.subset, cache_dir=metadata.custom_cache_dir)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"data.metadata.repo: cannot load {metadata.repo!r} ({error}); check the name and the "
            "connection, and for a private one the token ($HF_TOKEN)"
        ) from error
    return dict(loaded)


def _encoded(table: Any, *columns: str) -> Any:
    """Select columns, images among them as they were encoded."""
    table = table.select_columns(list(columns))
    for column in columns:
        if isinstance(table.features[column], datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
    return table


class _HubSplit:
    def __init__(self, table: Any, image: str, indexes: Sequence[int | None]) -> None:
        self._table = _encoded(table, image)
        self._image = image
        self._indexes = indexes
        self._labels = [index for index in indexes if index is not None]

    def __len__(self) -> int:
        return len(self._labels)

    def strata(self) -> list[tuple[int]]:
        """Return the class of each row."""
        return [(label,) for label in self._labels]

    def __iter__(self) -> Iterator[RawSample]:
        for row, (value, index) in enumerate(zip(self._table, self._indexes, strict=True)):
            if index is None:
                continue
            yield _sample(value[self._image], str(row), ClassLabel(index))


class _HubRows:
    def __init__(self, table: Any, name: str, image: str, label: str, make: MakeLabel) -> None:
        self._table = table
        self._name = name
        self._image = image
        self._label = label
        self._make = make

    def __len__(self) -> int:
        return len(self._table)

    def strata(self) -> list[Sequence[int]]:
        """Return the classes of each row."""
        rows = self._table.select_columns([self._label])
        return [self._make(row[self._label], "").classes() for row in rows]

    def __iter__(self) -> Iterator[RawSample]:
        for number, row in enumerate(self._table):
            place = f"{self._name}:{number}"
            yield _sample(row[self._image], place, self._make(row[self._label], place))


def _sample(encoded: Any, name: str, label: Label) -> RawSample:
    content, path = encoded["bytes"], encoded["path"]
    if content is None and path and not Path(path).is_file():  # nor a device that never ends
        return RawSample(
            b"", path, label, "names a file that is not there; save the data set with its images"
        )
    if content is None and path:
        return read_sample(ImageFile(Path(path), path, label))
    return RawSample(content or b"", path or name, label)
