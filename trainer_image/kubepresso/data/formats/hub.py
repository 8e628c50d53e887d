"""A repository of the Hugging Face hub, through ``datasets``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.columns import feature_columns
from kubepresso.data.formats.labels import Labelled, resolve_labels
from kubepresso.data.formats.naming import canonical_split, mapped_classes
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import ClassLabel, RawSample, Source, labelled_file, read_sample
from kubepresso.errors import UserError


@register("hub")
class Hub:
    """``data.metadata.repo`` with ``subset``; downloaded to ``custom_cache_dir``. None of its code runs."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Download and list; see `registry.Format`."""
        image, label = feature_columns(data)
        loaded = _load(data)
        tables = {name: table for key, table in loaded.items() if (name := canonical_split(str(key)))}
        for name, table in tables.items():
            missing = [column for column in (image, label) if column not in table.column_names]
            if missing:
                raise UserError(
                    f"data.metadata.features: split {name} has no column {', '.join(missing)}, "
                    f"there are {', '.join(table.column_names)}"
                )
        written = {
            name: [Labelled(f"{name}:{row}", value) for row, value in enumerate(table[label])]
            for name, table in tables.items()
        }
        features = next(iter(tables.values())).features if tables else {}
        names = mapped_classes(data, root) or getattr(features.get(label), "names", None)
        names, indexes = resolve_labels(written, names, f"column {label!r}", findings)
        return Source(names, {name: _HubSplit(table, image, indexes[name]) for name, table in tables.items()})


def _load(data: DataConfig) -> dict[str, Any]:
    metadata = data.metadata
    if metadata is None or not metadata.repo:
        raise UserError(
            "data.metadata.repo: needed for data.format huggingface; name a repository or a folder"
        )
    try:
        loaded = datasets.load_dataset(metadata.repo, metadata.subset, cache_dir=metadata.custom_cache_dir)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"data.metadata.repo: cannot load {metadata.repo!r} ({error})") from error
    return dict(loaded)


class _HubSplit:
    def __init__(self, table: Any, image: str, indexes: Sequence[int | None]) -> None:
        self._table = table.select_columns([image]).cast_column(image, datasets.Image(decode=False))
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
            encoded = value[self._image]
            content, path = encoded["bytes"], encoded["path"]
            if content is None and path:
                yield read_sample(labelled_file(Path(path), path, index))
            else:
                yield RawSample(content or b"", path or str(row), ClassLabel(index))
