"""Compare the numbers of a data set with those of the one before.

Compared are, split by split, the distributions that `statistics.titles` marks: of the targets, and of the
images' sizes, brightness, colours, contrast and sharpness. One has drifted where its population stability
index exceeds 0.2, or what chance explains where there are few images.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from kubepresso.data.statistics.titles import DISTRIBUTIONS

THRESHOLD = 0.2
"""Population stability index above which data has drifted; below 0.1 it is stable."""
_DEVIATIONS = 3.09
_HALF = 0.5
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Shift:
    """How one distribution of one split compares with its predecessor.

    Args:
        split: Its name.
        name: The distribution's key.
        title: The distribution's title.
        index: Population stability index, 0 where both are equal.
        limit: The largest index that is no drift: 0.2, more where few observations make chance that large.
        change: What changed most, in words.
    """

    split: str
    name: str
    title: str
    index: float
    limit: float
    change: str

    @property
    def drifted(self) -> bool:
        """Whether the index exceeds its limit."""
        return self.index > self.limit


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The comparison with the data before.

    Args:
        note: Which data that is, or why there is none.
        shifts: Those that drifted most first; empty without earlier data.
    """

    note: str
    shifts: tuple[Shift, ...] = ()

    @property
    def drifted(self) -> list[Shift]:
        """The distributions that drifted."""
        return [shift for shift in self.shifts if shift.drifted]

    @property
    def largest(self) -> float:
        """The largest population stability index; 0 without earlier data."""
        return max((shift.index for shift in self.shifts), default=0.0)


def compare(current: dict[str, Any], previous: dict[str, Any]) -> tuple[Shift, ...]:
    """Compare two fingerprints, split by split, distribution by distribution.

    Args:
        current: The new data's.
        previous: The earlier data's; splits and distributions that only one has are left out.

    Returns:
        All comparisons, those that drifted most first.
    """
    shifts = [
        shift
        for split, content in current["splits"].items()
        if split in previous["splits"]
        for shift in _of_split(split, content["distributions"], previous["splits"][split]["distributions"])
    ]
    return tuple(sorted(shifts, key=lambda s: (not s.drifted, -s.index, s.split, s.name)))


def _of_split(split: str, current: dict[str, Any], previous: dict[str, Any]) -> Iterator[Shift]:
    for name, title in DISTRIBUTIONS.items():
        if not title.compared or name not in current or name not in previous:
            continue
        aligned = _align(current[name], previous[name])
        if aligned is None:
            continue
        names, new, old = aligned
        counted = (_observations(current[name]), _observations(previous[name]))
        if not all(counted):
            continue
        index = stability_index(new, old, *counted)
        limit = max(THRESHOLD, chance_limit(len(names), *counted))
        yield Shift(split, name, title.text, index, limit, _in_words(names, new, old))


def stability_index(new: np.ndarray, old: np.ndarray, new_count: int, old_count: int) -> float:
    """Return the population stability index of two binned distributions.

    It is the sum over the bins of (p - q) ln(p / q), the symmetric Kullback-Leibler divergence. Each bin gets
    half an observation more, so that an empty one does not make it infinite.

    Args:
        new: Counts or shares of each bin.
        old: The same for the other distribution.
        new_count: Number of observations behind ``new``.
        old_count: Number of observations behind ``old``.
    """
    first, second = _smoothed(new, new_count), _smoothed(old, old_count)
    return float(((first - second) * np.log(first / second)).sum())


def chance_limit(bins: int, new_count: int, old_count: int) -> float:
    """Return what the index stays below in 999 of 1000 samples of one population.

    It is distributed as (1/n + 1/m) times chi-squared with ``bins - 1`` degrees of freedom (Yurdakul,
    "Statistical Properties of Population Stability Index", 2018); the quantile is by Wilson and Hilferty.

    Args:
        bins: Number of bins.
        new_count: Observations in one sample.
        old_count: Observations in the other.
    """
    freedom = max(bins - 1, 1)
    cube = 1 - 2 / (9 * freedom) + _DEVIATIONS * math.sqrt(2 / (9 * freedom))
    return freedom * cube**3 * (1 / new_count + 1 / old_count)


def _align(
    current: dict[str, Any], previous: dict[str, Any]
) -> tuple[list[str], np.ndarray, np.ndarray] | None:
    """Return the names of the bins both have anything in, and both counts; None where bins are others."""
    if "labels" in current and "labels" in previous:
        names = list(dict.fromkeys([*current["labels"], *previous["labels"]]))
        new, old = (
            np.array(
                [dict(zip(entry["labels"], entry["counts"], strict=True)).get(name, 0) for name in names]
            )
            for entry in (current, previous)
        )
    elif "edges" in current and current["edges"] == previous.get("edges"):
        names = bin_names(current["edges"])
        new, old = np.array(current["counts"]), np.array(previous["counts"])
    else:
        return None
    used = (new > 0) | (old > 0)
    return [name for name, kept in zip(names, used, strict=True) if kept], new[used], old[used]


def bin_names(edges: list[float]) -> list[str]:
    """Return a short name for each bin of a histogram, the open ones at both ends among them."""
    texts = [f"{edge:g}" for edge in edges]
    whole = [float(edge).is_integer() for edge in edges]
    names = ["0" if edges[0] == 1 and all(whole) else f"below {texts[0]}"]
    for low, high, low_text, high_text in zip(edges, edges[1:], texts, texts[1:], strict=False):
        single = high - low == 1 and all(whole)
        names.append(low_text if single else f"{low_text} to {high_text}")
    return [*names, f"{texts[-1]} and more"]


def _observations(entry: dict[str, Any]) -> int:
    return int(entry.get("observations") or sum(entry["counts"]))


def _smoothed(counts: np.ndarray, observations: int) -> np.ndarray:
    shares = counts / max(counts.sum(), 1)
    smoothed: np.ndarray = (shares * observations + _HALF) / (observations + _HALF * len(counts))
    return smoothed


def _in_words(names: list[str], new: np.ndarray, old: np.ndarray) -> str:
    """Name the bins whose shares changed most."""
    first, second = new / max(new.sum(), 1), old / max(old.sum(), 1)
    most = np.argsort(-np.abs(first - second), kind="stable")[:_MOST_NAMED]
    parts = [
        f"{names[index]}: {second[index]:.1%} → {first[index]:.1%}"
        for index in most
        if abs(first[index] - second[index]) >= 0.001
    ]
    return "; ".join(parts) or "next to nothing"
