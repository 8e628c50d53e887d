"""What a component writes into KFP's metric artifacts. They are taken as they come; kfp is not imported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class MetricsArtifact(Protocol):
    """What is used of ``kfp.dsl.Metrics``."""

    path: str

    def log_metric(self, metric: str, value: float) -> None:
        """Keep one metric in the artifact's metadata."""


def log_metrics(artifact: MetricsArtifact, values: Mapping[str, float]) -> None:
    """Log metrics for the UI, and write them as the artifact's file.

    The file matters: a local cache entry counts only while the files of all its artifacts are there, and kfp
    writes none for metrics.
    """
    for name, value in values.items():
        artifact.log_metric(name, value)
    _write(artifact.path, values)


def log_classification(
    artifact: Any,
    classes: Sequence[str],
    confusion: Sequence[Sequence[int]],
    roc: Sequence[tuple[float, float, float]],
) -> None:
    """Log a confusion matrix and, where there is one, a ROC curve.

    Args:
        artifact: A ``kfp.dsl.ClassificationMetrics``.
        classes: Class names.
        confusion: Counts; rows are true classes, columns predicted ones.
        roc: Points (false positive rate, true positive rate, threshold).
    """
    artifact.log_confusion_matrix(list(classes), [list(row) for row in confusion])
    if roc:
        artifact.log_roc_curve(*(list(column) for column in zip(*roc, strict=True)))
    _write(artifact.path, {"classes": classes, "confusion": confusion, "roc": roc})


def _write(path: str, content: Mapping[str, Any]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content), encoding="utf-8")
