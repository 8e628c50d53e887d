"""Split a tenth of train off as valid, where the source has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

VALID_SHARE = 0.1
SPLIT_SEED = 42


def held_out(labels: Sequence[int], share: float = VALID_SHARE, seed: int = SPLIT_SEED) -> np.ndarray:
    """Choose validation samples at random, the same share of every class.

    Args:
        labels: Class index of each sample.
        share: Part to hold out; rounded for each class, at least one of a class that has two or more.
        seed: The same seed and labels give the same choice.

    Returns:
        bool ``[len(labels)]``, true where the sample is held out.
    """
    array = np.asarray(labels, dtype=np.int64)
    chosen = np.zeros(len(array), dtype=bool)
    generator = np.random.default_rng(seed)
    for label in np.unique(array):
        members = np.flatnonzero(array == label)
        count = max(round(len(members) * share), 1) if len(members) > 1 else 0
        chosen[generator.permutation(members)[:count]] = True
    return chosen
