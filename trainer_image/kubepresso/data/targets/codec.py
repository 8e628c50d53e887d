"""How a task's targets are stored, checked and counted."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from kubepresso.data.targets.kinds import Geometry


class TargetCodec(Protocol):
    """One task's targets, in the columns of a shard. Each task has a module here with a class ``Codec``."""

    #: What is counted for each class: "images", "objects", "pixels" or "keypoints".
    counted: str
    #: Column of encoded files (a struct as ``image`` is), read from the memory map alone; None where none.
    file_column: str | None

    def fields(self, classes: Sequence[str]) -> tuple[list[pa.Field], dict[str, Any]]:
        """Return the columns beside ``image``, and their types for ``datasets`` by column name."""
        ...

    def encode(self, target: Any) -> Any:
        """Return what is kept of a target until its rows are written: for a mask, its encoded bytes."""
        ...

    def arrays(self, encoded: Sequence[Any], classes: Sequence[str]) -> list[pa.Array]:
        """Turn what `encode` gave into the arrays of these columns."""
        ...

    def read(self, table: pa.Table, files: Sequence[bytes]) -> Sequence[Any]:
        """Return random access to the targets of a shard.

        Args:
            table: The columns of `fields`, without the file column.
            files: The encoded files; empty without a file column.
        """
        ...

    def digest(self, target: Any) -> bytes:
        """Return bytes that differ where targets differ; they enter the content digest."""
        ...

    def problems(self, target: Any, geometry: Geometry, classes: Sequence[str]) -> list[str]:
        """Say what is wrong with a target: classes out of range, boxes outside, a mask of another size."""
        ...

    def counts(self, target: Any, classes: Sequence[str]) -> np.ndarray:
        """Return int64 ``[classes]``, what the target adds to the split's class counts."""
        ...


def codec_of(task: str) -> TargetCodec:
    """Return the codec of a task.

    Args:
        task: ``data.task``.
    """
    codec: TargetCodec = importlib.import_module(f"kubepresso.data.targets.{task}").Codec()
    return codec
