"""Targets after each transform: in form, with known classes, and inside the image at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from kubepresso.augmentation.checks.place import place_of
from kubepresso.augmentation.inventory import inside
from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Sample, Trace
from kubepresso.sampling import IGNORE

_KEYS = {
    "classification": ("label",),
    "detection": ("boxes", "labels", "crowd"),
    "segmentation": ("mask",),
    "pose_estimation": ("boxes", "keypoints", "visibility"),
}


def check_targets(phase: str, recipe: Recipe, traces: Sequence[Trace], task: str, classes: int) -> list[str]:
    """Check the targets after each transform and after the recipe.

    Args:
        phase: train or inference.
        recipe: The recipe.
        traces: Samples that went through it.
        task: ``data.task``.
        classes: Number of classes; of keypoints for poses.

    Returns:
        One line for each kind of problem, naming the transform at which it begins.
    """
    problems: list[str] = []
    for index in range(len(recipe.names) + 1):
        passed = [(run.source, run.samples[index + 1]) for run in traces if len(run.samples) > index + 1]
        ends = index == len(recipe.names)
        found = [
            _problem(task, sample, classes)
            or _label_changed(source, sample)
            or (_end_problem(sample) if ends else None)
            for source, sample in passed
        ]
        texts = sorted({text for text in found if text is not None})
        if texts:
            count = sum(text is not None for text in found)
            more = f" ({count} of {len(passed)} samples)"
            problems.append(f"{place_of(phase, recipe, index)}: {texts[0]}{more}")
            break  # what follows has its cause here
    return problems


def _problem(task: str, sample: Sample, classes: int) -> str | None:
    missing = [key for key in _KEYS[task] if key not in sample]
    if missing:
        return f"the sample has no {' and no '.join(missing)} any more"
    problem = {
        "classification": _label_problem,
        "detection": _objects_problem,
        "segmentation": _mask_problem,
        "pose_estimation": _pose_problem,
    }[task]
    return problem(sample, classes)


def _label_problem(sample: Sample, classes: int) -> str | None:
    known = 0 <= int(sample["label"]) < classes
    return None if known else f"label {int(sample['label'])} is no class, allowed 0 to {classes - 1}"


def _label_changed(source: Sample, sample: Sample) -> str | None:
    if "label" not in sample or sample["label"] == source["label"]:
        return None
    return f"an image of class {int(source['label'])} has come to be one of {int(sample['label'])}"


def _objects_problem(sample: Sample, classes: int) -> str | None:
    counts = {key: len(sample[key]) for key in ("boxes", "labels", "crowd")}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{count} {key}" for key, count in counts.items())
        return f"boxes and what belongs to them are out of step: {shown}"
    return _boxes_problem(sample["boxes"]) or _labels_problem(sample["labels"], classes)


def _boxes_problem(boxes: torch.Tensor) -> str | None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        return f"boxes are {list(boxes.shape)}, not [n, 4]"
    return None if bool(boxes.isfinite().all()) else "boxes hold NaN or infinity"


def _labels_problem(labels: torch.Tensor, classes: int) -> str | None:
    unknown = labels[(labels < 0) | (labels >= classes)]
    if not len(unknown):
        return None
    return f"label {int(unknown[0])} is no class, allowed 0 to {classes - 1}"


def _mask_problem(sample: Sample, classes: int) -> str | None:
    mask, size = sample["mask"], list(sample["image"].shape[-2:])
    if list(mask.shape) != size:
        return (
            f"the mask is {_by(mask.shape)} and the image {_by(size)}; both must be resized and cropped alike"
        )
    unknown = [value for value in mask.unique().tolist() if value != IGNORE and value not in range(classes)]
    if mask.is_floating_point() or unknown:
        shown = ", ".join(f"{value:g}" for value in unknown[:4]) or str(mask.dtype).removeprefix("torch.")
        return (
            f"the mask holds {shown}, allowed 0 to {classes - 1} and {IGNORE} (no class); "
            "masks must be resized with nearest, and padded with 255"
        )
    return None


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _pose_problem(sample: Sample, keypoints: int) -> str | None:
    points, visibility = sample["keypoints"], sample["visibility"]
    if list(points.shape) != [keypoints, 2] or list(visibility.shape) != [keypoints]:
        shown = f"{list(points.shape)} and {list(visibility.shape)}"
        return f"keypoints and visibility are {shown}, not [{keypoints}, 2] and [{keypoints}]"
    if not bool(points[visibility > 0].isfinite().all()):
        return "keypoints hold NaN or infinity"
    unknown = visibility[(visibility < 0) | (visibility > 2)]
    return f"visibility {int(unknown[0])} is not 0, 1 or 2" if len(unknown) else None


def _end_problem(sample: Sample) -> str | None:
    height, width = sample["image"].shape[-2:]
    if "boxes" in sample and "keypoints" not in sample:
        return _outside_problem(sample["boxes"], height, width)
    if "keypoints" in sample:
        outside = (sample["visibility"] > 0) & ~inside(sample["keypoints"], sample["image"])
        return f"{int(outside.sum())} visible keypoints lie outside the image" if outside.any() else None
    return None


def _outside_problem(boxes: Any, height: int, width: int) -> str | None:
    limits = boxes.new_tensor([width, height])
    if bool((boxes < 0).any()) or bool((boxes[:, 2:] > limits).any()):
        return f"boxes lie outside the image of {height} x {width}"
    degenerate = (boxes[:, 2:] <= boxes[:, :2]).any(1)
    return f"{int(degenerate.sum())} boxes have no area" if degenerate.any() else None
