"""What a report shows of a classifier beside its metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kubepresso.tasks.classification.metrics.roc import RocCurve

_ROC_POINTS = 200
_MISTAKES_SHOWN = 24


@dataclass(frozen=True)
class ClassFigures:
    """One row of the table of classes; shares are 0 to 1, None where nothing was counted."""

    name: str
    images: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction: where the image came from, both classes and the softmax of the predicted one."""

    index: int
    path: str
    true: str
    predicted: str
    confidence: float


def roc_points(curve: RocCurve) -> list[tuple[float, float, float]]:
    """Return some 200 points (false positive rate, true positive rate, threshold), the ends among them."""
    columns = (curve.fpr, curve.tpr, curve.threshold)
    kept = torch.linspace(0, len(curve.fpr) - 1, min(_ROC_POINTS, len(curve.fpr))).round().long().unique()
    fpr, tpr, threshold = (column[kept].tolist() for column in columns)
    return list(zip(fpr, tpr, threshold, strict=True))


def class_figures(classes: Sequence[str], confusion: Tensor) -> list[ClassFigures]:
    """Return precision and recall of each class.

    Args:
        classes: Class names.
        confusion: Counts [C, C]; rows are true classes, columns predicted ones.
    """
    right, actual, called = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return [
        ClassFigures(name, int(actual[i]), _share(right[i], called[i]), _share(right[i], actual[i]))
        for i, name in enumerate(classes)
    ]


def _share(part: Tensor, whole: Tensor) -> float | None:
    return float(part) / float(whole) if whole else None


def worst_mistakes(
    classes: Sequence[str], probabilities: Tensor, labels: Tensor, path: Callable[[int], str]
) -> list[Mistake]:
    """Return wrong predictions, the most confident first.

    Args:
        classes: Class names.
        probabilities: Softmax [N, C].
        labels: True class indices [N].
        path: From an image's index to where it came from.
    """
    confidence, predicted = probabilities.max(1)
    wrong = (predicted != labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:_MISTAKES_SHOWN].tolist()
    return [
        Mistake(
            i,
            path(i),
            classes[int(labels[i])],
            classes[int(predicted[i])],
            round(float(confidence[i]), 4),
        )
        for i in worst
    ]
