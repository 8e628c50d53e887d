"""The prepared data set: opened, checked, and read by index."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kubepresso.data.digest import ContentDigest, file_digest
from kubepresso.data.manifest import Manifest, Split, read_manifest
from kubepresso.data.shards import ShardView
from kubepresso.data.targets import codec_of
from kubepresso.errors import UserError


class Sample(NamedTuple):
    """One stored sample.

    Args:
        image_bytes: The encoded image, as it came from its source.
        path: Where it came from, for messages.
        target: By task: a class index, `Objects`, `StoredMask` or `Poses`; see `kubepresso.data.targets`.
    """

    image_bytes: bytes
    path: str
    target: Any


class SplitReader:
    """Random access to one split. Shards are opened when first touched; pickling carries paths only.

    Args:
        folder: The prepared folder.
        split: Its entry in the manifest.
        task: Of the data set.
    """

    def __init__(self, folder: Path, split: Split, task: str) -> None:
        self.folder = folder
        self.split = split
        self.task = task
        self._ends = list(itertools.accumulate(shard.rows for shard in split.shards))
        self._views: dict[int, ShardView] = {}

    def __len__(self) -> int:
        return self.split.count

    def __getitem__(self, index: int) -> Sample:
        """Return sample ``index``, 0 to ``len - 1``."""
        if not 0 <= index < self.split.count:
            raise IndexError(index)
        shard = bisect.bisect_right(self._ends, index)
        row = index - (self._ends[shard] - self.split.shards[shard].rows)
        view = self._view(shard)
        return Sample(view.image(row), view.path(row), view.targets[row])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def instance_counts(self) -> np.ndarray:
        """Return the instances of each sample, int64 ``[len]``; for pose estimation only."""
        counts = [self._view(shard).targets.lengths for shard in range(len(self.split.shards))]
        return np.concatenate(counts) if counts else np.empty(0, np.int64)

    def _view(self, shard: int) -> ShardView:
        view = self._views.get(shard)
        if view is None:
            path = self.folder / self.split.shards[shard].file
            try:
                view = ShardView(path, codec_of(self.task))
            except ValueError as error:
                raise UserError(f"{path}: {error}; run prepare_dataset again") from error
            self._views[shard] = view
        return view

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_views": {}}


class PreparedDataset:
    """A prepared folder whose manifest and shard sizes are as they should be. Make it with `open`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path | str) -> PreparedDataset:
        """Open a prepared folder.

        Raises:
            UserError: No valid manifest, or shards that are missing or not of their recorded size.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        shards = [shard for split in manifest.splits.values() for shard in split.shards]
        problems = [
            problem for shard in shards if (problem := _size_problem(folder / shard.file, shard.size))
        ]
        if problems:
            raise UserError(problems)
        return cls(folder, manifest)

    @property
    def classes(self) -> list[str]:
        """Class names in label order."""
        return self.manifest.classes

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return list(self.manifest.splits)

    @property
    def digest(self) -> str:
        """Content digest, ``sha256:...``."""
        return self.manifest.digest

    def split(self, name: str) -> SplitReader:
        """Return the reader of a split.

        Raises:
            UserError: There is no such split.
        """
        if name not in self.manifest.splits:
            raise UserError(f"{self.folder}: no split {name!r}; it has {', '.join(self.splits)}")
        return SplitReader(self.folder, self.manifest.splits[name], self.manifest.task)

    def verify(self) -> None:
        """Read every byte again and compare it with the recorded digests.

        Raises:
            UserError: With every shard that differs, or the content digest when that does.
        """
        shards = [shard for split in self.manifest.splits.values() for shard in split.shards]
        problems = [
            f"{self.folder / shard.file}: its content is not what was written ({shard.digest}); "
            "run prepare_dataset again"
            for shard in shards
            if file_digest(self.folder / shard.file) != shard.digest
        ]
        if not problems and self._content_digest() != self.manifest.digest:
            problems.append(f"{self.folder}: the content is not that of digest {self.manifest.digest}")
        if problems:
            raise UserError(problems)

    def _content_digest(self) -> str:
        content, codec = ContentDigest(), codec_of(self.manifest.task)
        for name in self.splits:
            for sample in self.split(name):
                image = hashlib.sha256(sample.image_bytes).digest()
                content.add(name, image, codec.digest(sample.target))
        return content.finish(self.classes)


def _size_problem(path: Path, size: int) -> str | None:
    if not path.is_file():
        return f"{path}: a shard named in the manifest is missing; run prepare_dataset again"
    found = path.stat().st_size
    return (
        None
        if found == size
        else f"{path}: has {found} bytes, {size} were written; run prepare_dataset again"
    )
