"""Which samples the recipes are tried on: spread over the split, with every class if that can be had."""

from __future__ import annotations

import numpy as np

from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import ImageDataset, InstanceDataset
from kubepresso.data.targets import codec_of

_LOOKED_AT = {"segmentation": 96}
_LOOKED_AT_OTHERWISE = 512


def choose_samples(prepared: PreparedDataset, dataset: ImageDataset, samples: int) -> list[int]:
    """Choose samples of a data set.

    Args:
        prepared: The prepared data.
        dataset: Of one split.
        samples: How many, at most.

    Returns:
        Indices: first those that together show the most classes, then others spread over the whole split.
        Classes are looked for in some hundreds of samples that are spread over it, too.
    """
    looked_at = max(_LOOKED_AT.get(prepared.manifest.task, _LOOKED_AT_OTHERWISE), samples)
    candidates = _spread(len(dataset), looked_at)
    shown = _classes_shown(prepared, dataset, candidates)
    chosen: list[int] = []
    missing = shown.any(0)
    while missing.any() and len(chosen) < samples:
        best = int((shown & missing).sum(1).argmax())
        chosen.append(candidates[best])
        missing &= ~shown[best]
    spread = (index for index in _spread(len(dataset), samples) if index not in chosen)
    return chosen + [index for index, _ in zip(spread, range(samples - len(chosen)), strict=False)]


def _spread(count: int, samples: int) -> list[int]:
    places = np.linspace(0, count - 1, min(samples, count))
    return [int(index) for index in np.unique(places.round())]


def _classes_shown(prepared: PreparedDataset, dataset: ImageDataset, indices: list[int]) -> np.ndarray:
    """Return which of the classes each sample shows, bool ``[samples, classes]``."""
    codec = codec_of(prepared.manifest.task)
    rows = [dataset.locate(index)[0] if isinstance(dataset, InstanceDataset) else index for index in indices]
    counts = [codec.counts(dataset.reader[row].target, prepared.classes) for row in rows]
    return np.array(counts).reshape(len(indices), len(prepared.classes)) > 0
