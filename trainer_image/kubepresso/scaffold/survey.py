"""What was found of a data set: enough to choose a model, a recipe and a batch for it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubepresso.data.targets import Keypoint


@dataclass(frozen=True)
class Survey:
    """A data set, as seen by its labels and the headers of some of its images.

    Args:
        task: ``data.task``.
        layout: ``data.layout``.
        classes: Class names in label order; for poses the names of the keypoints.
        counts: Samples of each split, as the source has them.
        sizes: Width and height, upright, of the images that were looked at.
        data: The keys of ``data`` that name the source, in order, as they will be written.
        keypoints: For poses.
        class_counts: By split, samples in which each class is; empty where it would take long to count.
        box_sides: Root of the area of each box that was looked at, as a part of its image's longer side.
        problems: What is wrong with labels, by check.
        notes: By dotted key below ``data``, why it has its value.
    """

    task: str
    layout: str
    classes: Sequence[str]
    counts: Mapping[str, int]
    sizes: Sequence[tuple[int, int]]
    data: Mapping[str, Any]
    keypoints: Sequence[Keypoint] = ()
    class_counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    box_sides: Sequence[float] = ()
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        """Whether valid is split off train."""
        return "valid" not in self.counts

    @property
    def train_count(self) -> int:
        """Samples that remain for training."""
        count = self.counts["train"]
        return max(count - round(count / 10), 1) if self.held_out else count

    @property
    def typical_size(self) -> tuple[int, int]:
        """Median width and median height."""
        widths, heights = zip(*self.sizes, strict=True)
        return round(statistics.median(widths)), round(statistics.median(heights))

    @property
    def sizes_in_words(self) -> str:
        """For example ``640x480`` or ``about 500x375 (333x500 to 640x480)``."""
        counted = Counter(self.sizes)
        (width, height), count = counted.most_common(1)[0]
        if len(counted) == 1:
            return f"{width}x{height}"
        if count > 0.9 * len(self.sizes):
            return f"nearly all {width}x{height}"
        small, large = (choose(self.sizes, key=lambda size: size[0] * size[1]) for choose in (min, max))
        middle = "x".join(map(str, self.typical_size))
        return f"about {middle} ({small[0]}x{small[1]} to {large[0]}x{large[1]})"

    @property
    def unseen(self) -> list[str]:
        """Classes without a sample in train."""
        counts = self.class_counts.get("train", ())
        return [name for name, count in zip(self.classes, counts, strict=False) if not count]
