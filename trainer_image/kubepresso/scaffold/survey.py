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
        layout: ``data.layout``; None for a data set that ``datasets`` saved.
        classes: Class names in label order; for poses the names of the keypoints.
        counts: Samples of each split, as the source has them.
        sizes: Width and height, upright, of the images that were looked at.
        data: The keys of ``data`` that name the source, in order, as they will be written.
        keypoints: For poses.
        held_out: How many samples of train become valid, where the source has no valid split.
        held_out_counted: Whether that is exact.
        unseen: Classes or keypoints of which train has none.
        box_sides: Root of the area of each box that was looked at, as a part of its image's longer side.
        problems: What is wrong with labels, by check.
        notes: By dotted key below ``data``, why it has its value.
    """

    task: str
    layout: str | None
    classes: Sequence[str]
    counts: Mapping[str, int]
    sizes: Sequence[tuple[int, int]]
    data: Mapping[str, Any]
    keypoints: Sequence[Keypoint] = ()
    held_out: int = 0
    held_out_counted: bool = True
    unseen: Sequence[str] = ()
    box_sides: Sequence[float] = ()
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def train_count(self) -> int:
        """Samples that remain for training."""
        return max(self.counts["train"] - self.held_out, 1)

    @property
    def held_out_in_words(self) -> str:
        """For example ``no valid split, so 4 of train are held out``; empty where there is one."""
        if "valid" in self.counts:
            return ""
        about = "" if self.held_out_counted else "about "
        return f"no valid split, so {about}{self.held_out:,} of train {_is(self.held_out)} held out"

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


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
