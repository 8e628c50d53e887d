"""Pose estimation: the instances of an image, each a box and keypoints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kubepresso.data.targets.boxes import box_problems
from kubepresso.data.targets.kinds import Geometry, Poses
from kubepresso.data.targets.ragged import Ragged, ragged_array, ragged_type

_BOXES = ragged_type(4)


class Codec:
    """Columns ``boxes`` and ``keypoints``, one list a row; see `TargetCodec`."""

    counted = "keypoints"
    file_column = None

    def fields(self, classes: Sequence[str]) -> tuple[list[pa.Field], dict[str, Any]]:
        """Return both columns; classes are the keypoints' names."""
        number = {"_type": "Value", "dtype": "float64"}
        point = {"_type": "List", "feature": number, "length": 3}
        instance = {"_type": "List", "feature": point, "length": len(classes)}
        described = {
            "boxes": {"_type": "List", "feature": {"_type": "List", "feature": number, "length": 4}},
            "keypoints": {"_type": "List", "feature": instance},
        }
        keypoints = pa.field("keypoints", ragged_type(len(classes), 3))
        return [pa.field("boxes", _BOXES), keypoints], described

    def encode(self, target: Poses) -> Poses:
        """Return the target."""
        return target

    def arrays(self, encoded: Sequence[Poses], classes: Sequence[str]) -> list[pa.Array]:
        """Return both columns."""
        return [
            ragged_array([poses.boxes for poses in encoded], _BOXES),
            ragged_array([poses.keypoints for poses in encoded], ragged_type(len(classes), 3)),
        ]

    def read(self, table: pa.Table, files: Sequence[bytes]) -> PosesView:
        """Return random access to `Poses`."""
        return PosesView(table)

    def digest(self, target: Poses) -> bytes:
        """Return the SHA-256 of boxes and keypoints, in their order."""
        parts = (np.ascontiguousarray(part, "<f8") for part in (target.boxes, target.keypoints))
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).digest()

    def problems(self, target: Poses, geometry: Geometry, classes: Sequence[str]) -> list[str]:
        """Return boxes beside the image, wrong numbers of keypoints, and keypoints that cannot be.

        A keypoint may lie outside: an annotated face or body often goes on past the edge.
        """
        if target.keypoints.shape[1:] != (len(classes), 3):
            found = target.keypoints.shape[1] if target.keypoints.ndim == 3 else 0
            return [f"instances have {found} keypoints; {len(classes)} are named"]
        problems = box_problems(target.boxes, geometry, inside=False)
        for number, points in enumerate(target.keypoints):
            reason = _keypoint_problem(points, geometry, classes)
            if reason:
                problems.append(f"instance {number}: {reason}")
        return problems

    def counts(self, target: Poses, classes: Sequence[str]) -> np.ndarray:
        """Count the labelled instances of each keypoint."""
        counts: np.ndarray = (target.keypoints[:, :, 2] > 0).sum(0, dtype=np.int64)
        return counts


def _keypoint_problem(points: np.ndarray, geometry: Geometry, classes: Sequence[str]) -> str | None:
    visibility = points[:, 2]
    for index in np.flatnonzero(~np.isin(visibility, (0, 1, 2))).tolist():
        return (
            f"keypoint {classes[index]!r} has visibility {visibility[index]:g}; allowed 0 (not labelled), "
            "1 (hidden), 2 (visible)"
        )
    labelled = points[visibility > 0, :2]
    if not np.isfinite(labelled).all():
        return "a keypoint is not finite"
    inside = ((labelled >= 0) & (labelled <= (geometry.width, geometry.height))).all(1)
    if len(labelled) and not inside.any():
        return f"all keypoints lie outside the image, which is {geometry.width} x {geometry.height} pixels"
    return None


class PosesView(Sequence[Poses]):
    """Random access to the poses of a shard.

    Attributes:
        lengths: Instances of each row, int64 ``[rows]``.
    """

    def __init__(self, table: pa.Table) -> None:
        self._boxes = Ragged(table["boxes"])
        self._keypoints = Ragged(table["keypoints"])
        self.lengths = self._boxes.lengths

    def __len__(self) -> int:
        return len(self._boxes)

    def __getitem__(self, row: Any) -> Any:
        return Poses(self._boxes[row], self._keypoints[row])
