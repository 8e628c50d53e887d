"""Keys that are accepted from other configurations and change nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from kubepresso.config.checks.findings import Finding, warning
from kubepresso.config.config import View

_IN_MLFLOW = "every run is in MLflow"
_PICTURES = "the evaluation report shows the mistakes the model is most sure of"
#: By dotted key, why it changes nothing.
UNUSED = {
    "data.label_image_mode": "only segmentation has label images",
    "data.palette": "only segmentation draws classes over pictures",
    "augmentation.img_size": "transforms have sizes of their own",
    "model.checkpoint.optimizer_path": "training resumes by itself from its own checkpoints",
    "model.architecture.backbone.params.return_stage_idx": "the head reads the last stage",
    "model.architecture.head.params.num_anchors": "this head has no anchors",
    "model.postprocessor.params.topk_max": "metrics say how many choices count, see logging.metrics",
    "logging.tensorboard": _IN_MLFLOW,
    "logging.mlflow": _IN_MLFLOW,
    "logging.image": _PICTURES,
    "logging.num_save_samples": _PICTURES,
    "logging.metrics.classwise_analysis": "the evaluation report always has the figures of each class",
    "environment.cache_data": "prepared images are memory-mapped, so the system keeps them in free memory",
}
#: Tasks for which a key of those above does change something.
_ACTS_FOR = {
    "data.label_image_mode": ("segmentation",),
    "data.palette": ("segmentation",),
    "model.architecture.backbone.params.return_stage_idx": ("segmentation", "detection", "pose_estimation"),
}


def check_unused(view: View) -> Iterator[Finding]:
    """Tell which keys were set to another value than their default in vain."""
    module = view.data or view.model
    task = module.task if module is not None else ""
    for key, reason in UNUSED.items():
        if task in _ACTS_FOR.get(key, ()):
            continue
        path = key.split(".")
        if _is_set(view, path):
            yield warning(f"has no effect: {reason}", *path)
    if view.augmentation is not None:
        for name in ("train", "inference"):
            for index, entry in enumerate(getattr(view.augmentation, name)):
                if getattr(entry, "inplace", False):
                    text = "has no effect: the result is the same"
                    yield warning(text, "augmentation", name, index, "inplace")


def _is_set(view: View, path: list[str]) -> bool:
    *above, last = path
    holder: Any = view
    for name in above:
        holder = getattr(holder, name, None)
    if not isinstance(holder, BaseModel) or last not in type(holder).model_fields:
        return False
    return bool(getattr(holder, last) != type(holder).model_fields[last].default)
