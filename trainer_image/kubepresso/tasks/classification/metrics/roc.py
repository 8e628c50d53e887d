"""Receiver operating characteristic, one class against the rest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RocCurve:
    """A curve from (0, 0) to (1, 1).

    Attributes:
        fpr: float64 ``[P]``, share of the negatives at or above the threshold, rising.
        tpr: float64 ``[P]``, share of the positives at or above it.
        threshold: float64 ``[P]``, falling; the first is 1 above the highest score for a single class.
    """

    fpr: Tensor
    tpr: Tensor
    threshold: Tensor

    @property
    def area(self) -> float:
        """The area under the curve."""
        return float(torch.trapezoid(self.tpr, self.fpr))


def roc_curve(score: Tensor, positive: Tensor) -> RocCurve:
    """Compute the curve of one class, with a point for each distinct score (Fawcett 2006, algorithm 1).

    Args:
        score: float ``[N]``, higher means more likely positive.
        positive: bool ``[N]``; both kinds must occur.
    """
    score, order = score.double().sort(descending=True)
    positive = positive[order]
    last_of_ties = torch.cat([score.diff() != 0, torch.tensor([True])]).nonzero().flatten()
    hits = positive.cumsum(0)[last_of_ties].double()
    alarms = (~positive).cumsum(0)[last_of_ties].double()
    zero = torch.zeros(1, dtype=torch.float64)
    return RocCurve(
        torch.cat([zero, alarms / alarms[-1]]),
        torch.cat([zero, hits / hits[-1]]),
        torch.cat([score[:1] + 1, score[last_of_ties]]),
    )


def macro_roc_curve(score: Tensor, label: Tensor) -> RocCurve | None:
    """Average the curves of all classes vertically, at every false positive rate that occurs.

    The area is the mean of the classes' areas exactly, since each rate carries two points: where the mean
    curve arrives and where it leaves. Classes that do not occur, or alone occur, have no curve and are left
    out.

    Args:
        score: float ``[N, C]``.
        label: int ``[N]``.

    Returns:
        The curve, its thresholds averaged in the same way; None where no class has a curve.
    """
    counts = torch.bincount(label, minlength=score.shape[1])
    present = ((counts > 0) & (counts < len(label))).nonzero().flatten().tolist()
    curves = [roc_curve(score[:, index], label == index) for index in present]
    if not curves:
        return None
    grid = torch.cat([curve.fpr for curve in curves]).unique()
    means = [
        torch.stack([_at(curve, grid, values) for curve in curves]).mean(0) for values in ("tpr", "threshold")
    ]
    return RocCurve(grid.repeat_interleave(2), means[0].flatten(), means[1].flatten())


def _at(curve: RocCurve, grid: Tensor, values: str) -> Tensor:
    """Return ``[G, 2]``: where the linear pieces arrive at each rate of ``grid``, and where they leave."""
    x, y = curve.fpr, getattr(curve, values)
    first = torch.searchsorted(x, grid, right=False)
    after = torch.searchsorted(x, grid, right=True)
    exact = after > first
    low, high = (first - 1).clamp(min=0), first.clamp(max=len(x) - 1)
    share = (grid - x[low]) / (x[high] - x[low]).clamp(min=1e-300)
    between = torch.lerp(y[low], y[high], share)
    arrive = torch.where(exact, y[first.clamp(max=len(x) - 1)], between)
    leave = torch.where(exact, y[(after - 1).clamp(min=0)], between)
    return torch.stack([arrive, leave], dim=1)
