"""What data sets, recipes and pictures agree on. No torch: neither room needs another for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

IGNORE = 255
"""The value of a mask's pixel that belongs to no class: no loss, no metric; borders are filled with it."""


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
