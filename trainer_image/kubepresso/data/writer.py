"""Write the prepared layout: samples in, Parquet shards and digests out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kubepresso.data.digest import file_digest
from kubepresso.data.manifest import Shard, Split
from kubepresso.data.shards import ShardFile
from kubepresso.data.targets import TargetCodec

SHARD_BYTES = 64 * 2**20
SHARD_ROWS = 8192
ROW_GROUP_BYTES = 8 * 2**20
ROW_GROUP_ROWS = 1024


class SplitWriter:
    """Write one split, shard by shard; holds at most one row group in memory.

    Args:
        folder: Where the shards go.
        name: Name of the split.
        codec: Of the task.
        classes: Class names.
    """

    def __init__(self, folder: Path, name: str, codec: TargetCodec, classes: Sequence[str]) -> None:
        self._folder = folder
        self._name = name
        self._codec = codec
        self._classes = classes
        self._class_counts = np.zeros(len(classes), np.int64)
        self._shards: list[Shard] = []
        self._file: ShardFile | None = None
        self._file_bytes = 0
        self._clear_rows()

    def add(self, image: bytes, path: str, encoded: Any, counts: np.ndarray) -> None:
        """Append one sample.

        Args:
            image: The encoded image.
            path: Where it came from.
            encoded: Its target, by ``codec.encode``.
            counts: What it adds to the class counts, by ``codec.counts``.
        """
        self._images.append(image)
        self._paths.append(path)
        self._encoded.append(encoded)
        self._class_counts += counts
        self._row_bytes += len(image) + (len(encoded) if isinstance(encoded, bytes) else 0)
        if self._row_bytes >= ROW_GROUP_BYTES or len(self._images) >= ROW_GROUP_ROWS:
            self._write_rows()

    def finish(self) -> Split:
        """Write what is left and return the manifest's entry."""
        self._write_rows()
        self._close_shard()
        count = sum(shard.rows for shard in self._shards)
        return Split(count=count, class_counts=self._class_counts.tolist(), shards=self._shards)

    def abandon(self) -> None:
        """Close an unfinished file after an error."""
        if self._file is not None:
            self._file.abandon()

    def _write_rows(self) -> None:
        if not self._images:
            return
        if self._file is None:
            name = f"{self._name}-{len(self._shards):05d}.parquet"
            self._file = ShardFile(self._folder / name, self._codec, self._classes)
        self._file.write_rows(self._images, self._paths, self._encoded)
        self._file_bytes += self._row_bytes
        self._clear_rows()
        if self._file_bytes >= SHARD_BYTES or self._file.rows >= SHARD_ROWS:
            self._close_shard()

    def _close_shard(self) -> None:
        if self._file is None:
            return
        self._file.close()
        path = self._file.path
        self._shards.append(Shard(path.name, self._file.rows, path.stat().st_size, file_digest(path)))
        self._file, self._file_bytes = None, 0

    def _clear_rows(self) -> None:
        self._images: list[bytes] = []
        self._paths: list[str] = []
        self._encoded: list[Any] = []
        self._row_bytes = 0
