"""What a recipe must know beside its entries: when it is built, and when it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class BuildContext:
    """Known when a recipe is built.

    Args:
        task: ``data.task``.
        epochs: ``training.epochs``, for transforms that end some epochs before the last.
        swap: For pose estimation, the index of each keypoint's partner when the image is mirrored, its own
            where it has none; empty for other tasks.
    """

    task: str = "classification"
    epochs: int = 1
    swap: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class SampleContext:
    """Known when a sample is transformed.

    Args:
        seed: ``environment.seed``.
        epoch: From 0.
        step: The global step in the epoch, the same for all samples of a batch on all ranks.
        index: The sample's index in its split.
        count: Samples in the split.
        fetch: Gives the decoded sample of an index, as a recipe takes it, for transforms that join several.
    """

    seed: int
    epoch: int
    step: int
    index: int
    count: int
    fetch: Callable[[int], dict[str, Any]]
