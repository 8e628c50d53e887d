"""Detection: boxes with classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kubepresso.data.targets.boxes import box_problems
from kubepresso.data.targets.kinds import Geometry, Objects
from kubepresso.data.targets.ragged import Ragged, ragged_array, ragged_type

_BOXES = ragged_type(4)
_LABELS = ragged_type(value=pa.int64())
_CROWD = ragged_type(value=pa.bool_())


class Codec:
    """Columns ``boxes``, ``labels`` and ``crowd``, one list a row; see `TargetCodec`."""

    counted = "objects"
    file_column = None

    def fields(self, classes: Sequence[str]) -> tuple[list[pa.Field], dict[str, Any]]:
        """Return the three columns."""
        box = {"_type": "List", "feature": {"_type": "Value", "dtype": "float64"}, "length": 4}
        described = {
            "boxes": {"_type": "List", "feature": box},
            "labels": {"_type": "List", "feature": {"_type": "ClassLabel", "names": list(classes)}},
            "crowd": {"_type": "List", "feature": {"_type": "Value", "dtype": "bool"}},
        }
        fields = [pa.field("boxes", _BOXES), pa.field("labels", _LABELS), pa.field("crowd", _CROWD)]
        return fields, described

    def encode(self, target: Objects) -> Objects:
        """Return the target."""
        return target

    def arrays(self, encoded: Sequence[Objects], classes: Sequence[str]) -> list[pa.Array]:
        """Return the three columns."""
        return [
            ragged_array([objects.boxes for objects in encoded], _BOXES),
            ragged_array([objects.labels for objects in encoded], _LABELS),
            ragged_array([objects.crowd for objects in encoded], _CROWD),
        ]

    def read(self, table: pa.Table, files: Sequence[bytes]) -> _ObjectsView:
        """Return random access to `Objects`."""
        return _ObjectsView(table)

    def digest(self, target: Objects) -> bytes:
        """Return the SHA-256 of boxes, classes and crowd flags, in their order."""
        parts = (
            np.ascontiguousarray(target.boxes, "<f8"),
            np.ascontiguousarray(target.labels, "<i8"),
            np.ascontiguousarray(target.crowd, "u1"),
        )
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).digest()

    def problems(self, target: Objects, geometry: Geometry, classes: Sequence[str]) -> list[str]:
        """Return boxes that cannot be, and class indexes out of range."""
        problems = box_problems(target.boxes, geometry)
        wrong = np.unique(target.labels[(target.labels < 0) | (target.labels >= len(classes))])
        problems += [f"class {label} is out of range, allowed 0 to {len(classes) - 1}" for label in wrong]
        return problems

    def counts(self, target: Objects, classes: Sequence[str]) -> np.ndarray:
        """Count the objects that are trained on, so without crowds."""
        return np.bincount(target.labels[~target.crowd], minlength=len(classes))


class _ObjectsView(Sequence[Objects]):
    def __init__(self, table: pa.Table) -> None:
        self._columns = [Ragged(table[name]) for name in ("boxes", "labels", "crowd")]

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, row: Any) -> Any:
        return Objects(*(column[row] for column in self._columns))
