"""Columns of lists whose rows differ in length: numpy arrays in, Arrow, and views of numpy arrays out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def ragged_type(*shape: int, value: pa.DataType | None = None) -> pa.DataType:
    """Return the type of a list of arrays of a fixed shape.

    Args:
        *shape: Of one element; nothing for scalars.
        value: Type of a scalar, float64 unless given.
    """
    inner = pa.float64() if value is None else value
    for size in reversed(shape):
        inner = pa.list_(inner, size)
    return pa.list_(inner)


def ragged_array(rows: Sequence[np.ndarray], kind: pa.DataType) -> pa.Array:
    """Join one array a row, each ``[n, ...]``, into a column of a `ragged_type`."""
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    scalar, shape = kind.value_type, []
    while pa.types.is_fixed_size_list(scalar):
        shape.append(scalar.list_size)
        scalar = scalar.value_type
    flat = np.concatenate([row.reshape(-1) for row in rows]) if rows else np.empty(0)
    values = pa.array(flat, scalar)
    for size in reversed(shape):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=kind)


class Ragged:
    """Random access to a column of a `ragged_type`.

    Args:
        column: Of one shard.

    Attributes:
        lengths: int64 ``[rows]``.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        array = column.combine_chunks()
        self._offsets = array.offsets.to_numpy()
        values, shape = array.values, []
        while pa.types.is_fixed_size_list(values.type):
            shape.append(values.type.list_size)
            values = values.values
        self._values = values.to_numpy(zero_copy_only=False).reshape(-1, *shape)
        self.lengths = np.diff(self._offsets).astype(np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        """Return the array of a row, ``[n, ...]``; not to be written to."""
        values: np.ndarray = self._values[self._offsets[row] : self._offsets[row + 1]]
        return values
