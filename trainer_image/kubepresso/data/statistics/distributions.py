"""Counts in bins that are fixed beforehand, or of named categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Histogram:
    """Counts of a quantity; the first and the last bin are open.

    Args:
        edges: Ascending. A value ``v`` falls into bin ``i`` where ``edges[i-1] <= v < edges[i]``.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = np.asarray(edges, np.float64)
        self.counts = np.zeros(len(edges) + 1, np.int64)

    def add(self, values: Any) -> None:
        """Count one value or an array of them."""
        bins = np.searchsorted(self.edges, values, side="right")
        self.counts += np.bincount(np.atleast_1d(bins), minlength=len(self.counts))

    def quantile(self, share: float) -> float:
        """Estimate a quantile by interpolating inside its bin.

        Args:
            share: 0 to 1.

        Returns:
            The estimate; the nearest edge in an open bin, NaN without values.
        """
        total = int(self.counts.sum())
        if not total:
            return float("nan")
        reached = np.cumsum(self.counts)
        index = int(np.searchsorted(reached, share * total, side="left"))
        if index == 0 or index == len(self.edges):
            return float(self.edges[0 if index == 0 else -1])
        within = (share * total - reached[index - 1]) / self.counts[index]
        low, high = self.edges[index - 1], self.edges[index]
        return float(low + (high - low) * within)

    def as_json(self) -> dict[str, Any]:
        """Return the edges and the counts."""
        return {"edges": self.edges.tolist(), "counts": self.counts.tolist()}


class Categories:
    """Counts of named things.

    Args:
        labels: Their names.
        counts: int64, one for each name.
        observations: How many independent things were looked at, where that is not the sum of the counts: the
            pixels of an image are not independent of one another.
    """

    def __init__(self, labels: Sequence[str], counts: np.ndarray, observations: int | None = None) -> None:
        self.labels, self.counts = list(labels), counts
        self.observations = observations

    def as_json(self) -> dict[str, Any]:
        """Return the names and the counts."""
        content: dict[str, Any] = {"labels": self.labels, "counts": self.counts.tolist()}
        return content if self.observations is None else {**content, "observations": self.observations}


Distribution = Histogram | Categories


def log_edges(low: float, high: float, bins: int) -> list[float]:
    """Return ``bins + 1`` edges in equal ratios, rounded to two digits so that they read well."""
    return [float(f"{edge:.2g}") for edge in np.geomspace(low, high, bins + 1)]


def count_edges(last: int = 100) -> list[float]:
    """Return edges for counts of things: each up to 10 alone, then ever wider."""
    return [float(edge) for edge in (*range(1, 11), 15, 20, 30, 50, 75, 100) if edge <= last]


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Return each count's share of their sum; 0 where there is none."""
    total = sum(counts.values())
    return {name: count / total if total else 0.0 for name, count in counts.items()}
