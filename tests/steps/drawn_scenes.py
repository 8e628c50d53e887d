"""Small drawn data sets with targets: stick figures on grass, as boxes, masks and poses."""

import dataclasses
import io

import numpy as np
from PIL import Image, ImageDraw

from kubepresso.config import DataConfig
from kubepresso.data.findings import CONFIGURABLE, Findings
from kubepresso.data.formats.source import RawSample, Source
from kubepresso.data.prepare import prepare_source
from kubepresso.data.report import write_report
from kubepresso.data.targets import ClassMask, Keypoint, Objects, Poses

CLASSES = {
    "detection": ["figure", "ball"],
    "segmentation": ["grass", "figure", "ball"],
    "pose_estimation": ["head", "left_hand", "right_hand", "hip", "left_foot", "right_foot"],
}
KEYPOINTS = tuple(
    Keypoint(name, swap, (1, 2, 3) if name == "hip" else None)
    for name, swap in zip(CLASSES["pose_estimation"], (0, 2, 1, 3, 5, 4), strict=True)
)
# In parts of the figure's height, from the middle of its hips.
_FIGURE = np.array([[0, -0.45], [0.28, -0.2], [-0.2, -0.05], [0, 0], [0.2, 0.45], [-0.14, 0.48]])
_LIMBS = ((0, 3), (1, 3), (2, 3), (3, 4), (3, 5))


@dataclasses.dataclass
class Scene:
    """One or two figures and a ball in an image of its own size."""

    number: int

    def __post_init__(self):
        draw = np.random.default_rng(self.number)
        self.size = (160 + 16 * (self.number % 3), 128 + 8 * (self.number % 2))
        heights = draw.uniform(60, 84, 1 + self.number % 2)
        places = [(44 + 70 * n + draw.uniform(-6, 6), 58 + draw.uniform(-4, 10)) for n in range(len(heights))]
        self.points = [_FIGURE * height + place for height, place in zip(heights, places, strict=True)]
        self.ball = np.array([14 + draw.uniform(0, 30), 112 + draw.uniform(-4, 4)])

    def figure_boxes(self):
        return np.array([[*(points.min(0) - 5), *(points.max(0) + 5)] for points in self.points]).clip(
            0, [*self.size, *self.size]
        )

    def ball_box(self):
        return [*(self.ball - 6), *(self.ball + 6)]

    def image(self):
        noise = np.random.default_rng(self.number).integers(0, 40, (self.size[1], self.size[0], 3))
        picture = Image.fromarray((np.array([60, 130, 60]) + noise).astype(np.uint8))
        self._paint(ImageDraw.Draw(picture), (200, 60, 40), (240, 240, 240))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    def _paint(self, draw, figure, ball):
        for points in self.points:
            for start, end in _LIMBS:
                draw.line([*points[start], *points[end]], fill=figure, width=7)
            draw.ellipse([*(points[0] - 7), *(points[0] + 7)], fill=figure)
        draw.ellipse(self.ball_box(), fill=ball)

    def target(self, task):
        if task == "detection":
            boxes = np.array([*self.figure_boxes(), self.ball_box()])
            labels = np.array([0] * len(self.points) + [1])
            return Objects(boxes, labels, np.zeros(len(boxes), bool))
        if task == "segmentation":
            mask = Image.new("L", self.size)
            self._paint(ImageDraw.Draw(mask), 1, 2)
            return ClassMask(np.array(mask))
        seen = np.full((len(self.points), 6, 1), 2.0)
        seen[:, self.number % 6] = self.number % 3
        return Poses(self.figure_boxes(), np.concatenate([np.array(self.points), seen], 2))


@dataclasses.dataclass
class SceneSplit:
    task: str
    numbers: range

    def __len__(self):
        return len(self.numbers)

    def __iter__(self):
        for scene in map(Scene, self.numbers):
            yield RawSample(scene.image(), f"{scene.number:03d}.png", lambda _, s=scene: s.target(self.task))


def prepare_scenes(task, target, train=12, valid=6):
    """Prepare drawn scenes for detection, segmentation or pose estimation; the report lies beside them."""
    splits = {"train": SceneSplit(task, range(train)), "valid": SceneSplit(task, range(100, 100 + valid))}
    data = DataConfig.model_validate({"name": "scenes", "task": task})
    findings = Findings({check: getattr(data.checks, check) for check in CONFIGURABLE})
    keypoints = KEYPOINTS if task == "pose_estimation" else ()
    made = prepare_source(data, Source(CLASSES[task], splits, keypoints), findings, target)
    assert made.manifest is not None, findings.refused()
    write_report(target.with_suffix(".html"), "scenes", made)
    return target
