"""Whether parts, losses and metrics are for the task."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks.findings import Finding, error
from kubepresso.config.config import View
from kubepresso.config.logging import METRICS
from kubepresso.config.model import ModelConfig
from kubepresso.config.problems import Path

_PARTS = ("full", "backbone", "neck", "head")
#: Layouts on disk, by task.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "classification": ("class_folders", "csv_labels", "image_folder", "parquet"),
    "detection": ("yolo", "coco", "voc", "image_folder", "parquet"),
    "segmentation": ("masks", "coco", "coco_panoptic", "parquet"),
    "pose_estimation": ("keypoints_txt", "coco_keypoints"),
}


def check_model_for_task(view: View) -> Iterator[Finding]:
    """Check that the parts and the losses are for ``model.task``."""
    if view.model is None:
        return
    task, architecture = view.model.task, view.model.architecture
    for key in _PARTS:
        part = getattr(architecture, key)
        if part is not None and task not in part.tasks:
            tasks = " and ".join(part.tasks)
            yield error(f"{part.name} is for {tasks}, not for {task}", "model", "architecture", key, "name")
    yield from _check_losses(view.model)


def _check_losses(model: ModelConfig) -> Iterator[Finding]:
    last = model.architecture.full or model.architecture.head
    for index, loss in enumerate(model.losses):
        path: Path = ("model", "losses", index, "criterion")
        if model.task not in loss.tasks:
            tasks = " and ".join(loss.tasks)
            yield error(f"{loss.criterion} is for {tasks}, not for {model.task}", *path)
        elif loss.heads and last is not None and last.name not in loss.heads:
            heads = " and ".join(loss.heads)
            yield error(f"{loss.criterion} reads the outputs of {heads}, not of {last.name}", *path)


def check_metrics_for_task(view: View) -> Iterator[Finding]:
    """Check that what is measured and compared is of the task."""
    module = view.model or view.data
    if view.logging is None or module is None:
        return
    allowed = METRICS[module.task]
    names = view.logging.metrics.metric_names or ()
    text = f"is none of {module.task}; allowed: {', '.join(allowed)}"
    for index, name in enumerate(names):
        if name not in allowed:
            yield error(f"{name} {text}", "logging", "metrics", "metric_names", index)
    compared = view.logging.promotion.metric
    if compared is not None and compared not in allowed and compared not in names:
        yield error(f"{compared} {text}", "logging", "promotion", "metric")


def check_layout(view: View) -> Iterator[Finding]:
    """Check that the layout on disk holds labels of the task."""
    if view.data is None or view.data.layout is None:
        return
    allowed = LAYOUTS[view.data.task]
    if view.data.layout not in allowed:
        text = (
            f"{view.data.layout} holds no labels for {view.data.task}; allowed: {', '.join(allowed)}, or null"
        )
        yield error(text, "data", "layout")
