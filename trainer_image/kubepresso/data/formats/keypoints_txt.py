"""Poses as text: a file for each image, a line for each instance: ``x y v`` of each keypoint, then a box.

Coordinates are pixels; the box is ``x1 y1 x2 y2``; ``v`` is COCO's visibility. An empty file is an image
without instances.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.number_lines import read_numbers
from kubepresso.data.formats.pairing import pair_splits, paired_splits
from kubepresso.data.formats.places import paired_folders
from kubepresso.data.formats.poses import make_poses
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.skeleton import configured_keypoints
from kubepresso.data.formats.source import Source
from kubepresso.data.targets import Geometry, Poses
from kubepresso.errors import UserError

_LABEL_FOLDERS = ("labels", "label", "annotations", "keypoints")


@register("keypoints_txt")
class KeypointsTxt:
    """The keypoints are those of ``data.id_mapping``, which must be there."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Pair the files; see `registry.Format`."""
        keypoints = configured_keypoints(data, root)
        if keypoints is None:
            raise UserError(
                "data.id_mapping: missing; text files of poses need the list of keypoints, each with name, "
                "swap and color"
            )
        folders = {split: [place] for split, place in paired_folders(data, root, _LABEL_FOLDERS).items()}
        pairs = pair_splits(folders, root, data, findings, lambda file: file.suffix.lower() == ".txt")
        count = len(keypoints)
        splits = paired_splits(pairs, root, lambda file, path: PoseLabel(file, path, count))
        return Source([keypoint.name for keypoint in keypoints], splits, keypoints)


@dataclasses.dataclass(frozen=True, slots=True)
class PoseLabel:
    """One text file.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        count: Number of keypoints.
    """

    file: Path
    path: str
    count: int

    def __call__(self, geometry: Geometry) -> Poses:
        """Read the instances."""
        problems = LabelProblems()
        rows, places = [], []
        needed = 3 * self.count + 4
        for place, values in read_numbers(self.file, self.path, problems):
            if len(values) == needed:
                rows.append(values)
                places.append(place)
                continue
            message = f"{len(values)} numbers; {self.count} keypoints (x, y, v) and a box need {needed}"
            problems.add(place, message)
        keypoints = [row[: needed - 4] for row in rows]
        boxes = [row[needed - 4 :] for row in rows]
        poses = make_poses(boxes, keypoints, self.count, geometry, places, problems)
        problems.check()
        return poses

    def classes(self) -> Sequence[int]:
        """Return nothing to stratify by: instances are all of one kind."""
        return ()
