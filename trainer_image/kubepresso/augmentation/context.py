"""What a recipe must know beside its entries when it is built."""

from __future__ import annotations

import dataclasses


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
