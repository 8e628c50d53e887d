"""COCO keypoints: instances with ``keypoints`` (x, y, v in turn) and a ``bbox``."""

from __future__ import annotations

import dataclasses
import functools
import math
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.coco_annotations import (
    annotation_places,
    check_present,
    corners_of,
    report_strays,
)
from kubepresso.data.formats.coco_file import read_coco
from kubepresso.data.formats.coco_places import list_splits, split_files
from kubepresso.data.formats.coco_split import CocoSplit
from kubepresso.data.formats.coco_tables import CocoTables
from kubepresso.data.formats.naming import relative
from kubepresso.data.formats.orientation import needs_turn
from kubepresso.data.formats.poses import make_poses
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.skeleton import configured_keypoints, skeleton
from kubepresso.data.formats.source import Source
from kubepresso.data.targets import Geometry, Keypoint, Poses
from kubepresso.errors import UserError

#: In place of what is not numbers: of a length that no skeleton has, so it is reported.
_NO_NUMBERS = (math.nan,) * 4


@register("coco_keypoints")
class CocoKeypoints:
    """Keypoints are those of ``data.id_mapping``, else of the category: left and right ones change places.

    Crowds, and annotations without a keypoint that is labelled, are no instances.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the tables; see `registry.Format`."""
        files = split_files(data, root, lambda name: "keypoints" in name)
        tables = {split: read_coco(file, _numbers) for split, file in files.items()}
        listed = list_splits(
            data, root, files, {split: t.images.names for split, t in tables.items()}, findings
        )
        for split, table in tables.items():
            report_strays(table, relative(files[split], root), findings)
        keypoints = configured_keypoints(data, root) or _described(tables.values(), root)
        splits = {
            split: CocoSplit(
                listed[split],
                functools.partial(CocoPoses, table, len(keypoints), relative(files[split], root)),
            )
            for split, table in tables.items()
        }
        return Source([keypoint.name for keypoint in keypoints], splits, keypoints)


@dataclasses.dataclass(frozen=True, slots=True)
class CocoPoses:
    """The instances of one image.

    Args:
        tables: Of the file, with the keypoints as details.
        count: Number of keypoints.
        place: The file's name inside the source.
        row: Of the image.
    """

    tables: CocoTables
    count: int
    place: str
    row: int

    def __call__(self, geometry: Geometry) -> Poses:
        """Take the image's instances from the tables."""
        annotations = self.tables.annotations
        rows = [row for row in self.tables.rows_of(self.row) if self._is_instance(row)]
        places = annotation_places(self.tables, self.place, np.array(rows, np.int64))
        problems = LabelProblems()
        for row, place in zip(rows, places, strict=True):
            found = len(annotations.details[row])
            if found != 3 * self.count:
                message = (
                    f"keypoints has {found} numbers; {self.count} keypoints (x, y, v) need {3 * self.count}"
                )
                problems.add(place, message)
        problems.check()
        check_present(self.tables, np.array(rows, np.int64), places, problems)
        poses = make_poses(
            corners_of(annotations.boxes[rows]).tolist(),
            [annotations.details[row] for row in rows],
            self.count,
            geometry,
            places,
            problems,
            needs_turn(self.tables.images.size(self.row), geometry, self.place),
        )
        problems.check()
        return poses

    def classes(self) -> Sequence[int]:
        """Return nothing to stratify by: instances are all of one kind."""
        return ()

    def _is_instance(self, row: int) -> bool:
        annotations = self.tables.annotations
        numbers = annotations.details[row]
        return numbers is not None and not annotations.crowd[row] and any(numbers[2::3])


def _numbers(annotation: dict[str, Any]) -> array[float] | None:
    value = annotation.get("keypoints")
    try:
        return array("d", value) if isinstance(value, list) else None
    except (TypeError, OverflowError):
        return array("d", _NO_NUMBERS)


def _described(tables: Iterable[CocoTables], root: Path) -> tuple[Keypoint, ...]:
    skeletons = {
        tuple(map(str, category.keypoints))
        for table in tables
        for category in table.categories
        if isinstance(category.keypoints, list)
    }
    if len(skeletons) != 1:
        found = f"{len(skeletons)} different lists" if skeletons else "none"
        raise UserError(
            f"{root}: needs one list of keypoints in COCO's categories, found {found}; name the keypoints in "
            "data.id_mapping"
        )
    names = next(iter(skeletons))
    return skeleton([(name, None, None) for name in names], "categories.keypoints")
