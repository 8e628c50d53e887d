"""Classification: one class index a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kubepresso.data.targets.kinds import Geometry


class Codec:
    """Column ``label``, int64; see `TargetCodec`."""

    counted = "images"
    file_column = None

    def fields(self, classes: Sequence[str]) -> tuple[list[pa.Field], dict[str, Any]]:
        """Return the column, and a ``ClassLabel`` for ``datasets``."""
        return [pa.field("label", pa.int64())], {"label": {"_type": "ClassLabel", "names": list(classes)}}

    def encode(self, target: int) -> int:
        """Return the label."""
        return target

    def arrays(self, encoded: Sequence[int], classes: Sequence[str]) -> list[pa.Array]:
        """Return the labels as one array."""
        return [pa.array(encoded, pa.int64())]

    def read(self, table: pa.Table, files: Sequence[bytes]) -> list[int]:
        """Return the labels of a shard."""
        return table["label"].to_pylist()  # type: ignore[no-any-return]

    def digest(self, target: int) -> bytes:
        """Return the label in eight bytes."""
        return int(target).to_bytes(8, "little", signed=True)

    def problems(self, target: int, geometry: Geometry, classes: Sequence[str]) -> list[str]:
        """Return nothing: formats give class indexes of the classes they name."""
        return []

    def counts(self, target: int, classes: Sequence[str]) -> np.ndarray:
        """Count one image."""
        counts = np.zeros(len(classes), np.int64)
        counts[target] = 1
        return counts
