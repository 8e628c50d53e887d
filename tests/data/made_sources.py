"""Small sources of every task, made in memory."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from source_layouts import CLASSES, png

from kubepresso.config import DataConfig
from kubepresso.data.findings import CONFIGURABLE, Findings
from kubepresso.data.formats.source import RawSample, Source
from kubepresso.data.prepare import Preparation, prepare_source
from kubepresso.data.targets import ClassMask, Keypoint, Objects, Poses

SIZE = (30, 20)
TASKS = ("classification", "detection", "segmentation", "pose_estimation")


def make_target(task: str, index: int) -> Any:
    """A target that depends on the index, with fractions; some images have no box and no instance."""
    generator = np.random.default_rng(index)
    if task == "classification":
        return index % 3
    if task == "segmentation":
        pixels = generator.choice(np.array([0, 1, 2, 255], np.uint8), (SIZE[1], SIZE[0]))
        return ClassMask(pixels)
    count = index % 4
    corner, extent = generator.uniform(0, 9, (count, 2)), generator.uniform(2, 9, (count, 2))
    boxes = np.concatenate([corner, corner + extent], 1)
    if task == "detection":
        return Objects(boxes, generator.integers(0, 3, count), generator.random(count) < 0.2)
    points = corner[:, None] + extent[:, None] * generator.random((count, 3, 2))
    visibility = generator.integers(0, 3, (count, 3, 1)).astype(np.float64)
    return Poses(boxes, np.concatenate([points, visibility], 2))


@dataclasses.dataclass
class MadeSplit:
    task: str
    count: int
    offset: int = 0
    target: Callable[[str, int], Any] = make_target

    def __len__(self):
        return self.count

    def strata(self):
        return [self._classes(index) for index in range(self.count)]

    def _classes(self, index):
        target = make_target(self.task, self.offset + index)
        if self.task == "classification":
            return [target]
        return sorted(set(target.labels.tolist())) if self.task == "detection" else []

    def __iter__(self):
        for index in range(self.offset, self.offset + self.count):
            yield RawSample(
                png(index, SIZE), f"{index:05d}.png", lambda _, index=index: self.target(self.task, index)
            )


KEYPOINTS = (Keypoint("left", 1, (255, 0, 0)), Keypoint("right", 0), Keypoint("nose", 2))


def made_source(task: str, **splits: MadeSplit) -> Source:
    if task == "pose_estimation":
        return Source([point.name for point in KEYPOINTS], splits, KEYPOINTS)
    return Source(CLASSES, splits)


def prepare_made(task: str, target, splits: dict[str, MadeSplit], **checks: str) -> Preparation:
    policies = {"empty_classes": "warn", **checks}
    data = DataConfig.model_validate({"name": "made", "task": task, "checks": policies})
    findings = Findings({check: getattr(data.checks, check) for check in CONFIGURABLE})
    return prepare_source(data, made_source(task, **splits), findings, target)
