"""The recipes of a new project."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from kubepresso.scaffold.choices import SMALL, Choices
from kubepresso.scaffold.survey import Survey

#: Of ImageNet.
_NORMALIZE = {"name": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_FLIP = {"name": "randomhorizontalflip", "p": 0.5}
_GREY = 114
#: Names that are a digit or a letter, or that speak of a side: a mirrored picture is of another class.
_SIDED = re.compile(r"(\d|[a-z])([ _.-].*)?|.*\b(left|right|clockwise|arrow)\b.*")

Entry = dict[str, Any]


class Recipes(NamedTuple):
    """Both recipes.

    Args:
        train: For training.
        inference: For validation and use.
        reasons: By key below ``augmentation``.
    """

    train: list[Entry]
    inference: list[Entry]
    reasons: dict[str, str]


def recipes(survey: Survey, choices: Choices) -> Recipes:
    """Return the recipes for a task, at the chosen size."""
    make = {
        "classification": _classification,
        "detection": _detection,
        "segmentation": _segmentation,
        "pose_estimation": _pose,
    }[survey.task]
    train, inference = make(survey, choices)
    reasons = {"train": choices.size_reason}
    mirrors = _can_be_mirrored(survey)
    if mirrors is not None:
        train = [entry for entry in train if entry is not _FLIP]
        reasons["train"] += f"\nNo randomhorizontalflip: {mirrors}"
    end = _end(choices)
    return Recipes([*train, *end], [*inference, *end], reasons)


def _can_be_mirrored(survey: Survey) -> str | None:
    """Return None where a mirrored picture shows the same, else why not."""
    if survey.task == "pose_estimation":
        pairs = any(point.swap != index for index, point in enumerate(survey.keypoints))
        return None if pairs else "no keypoint has a swap partner; name them in data.id_mapping for mirroring"
    sided = [name for name in survey.classes if _SIDED.fullmatch(name.lower().replace("_", " "))]
    if sided and any(re.search("[a-z]", name.lower()) or len(sided) > 1 for name in sided):
        return f"{_some(sided)} may mean something else in a mirror; add it back where it does not"
    return None


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"classes such as {shown}" if len(names) > 1 else f"the class {shown}"


def _end(choices: Choices) -> list[Entry]:
    architecture = choices.architecture
    tensor = {"name": "totensor", "pixel_range": architecture.pixel_range}
    return [tensor, _NORMALIZE] if architecture.normalize else [tensor]


def _classification(survey: Survey, choices: Choices) -> tuple[list[Entry], list[Entry]]:
    side = choices.size[0]
    if side < SMALL:
        crop = {"name": "randomresizedcrop", "size": side, "scale": [0.6, 1.0], "ratio": [0.9, 1.1]}
        return [crop, _FLIP], [{"name": "resize", "size": [side, side]}]
    crop = {"name": "randomresizedcrop", "size": side, "scale": [0.25, 1.0], "ratio": [0.75, 1.333]}
    train = [crop, _FLIP, {"name": "trivialaugmentwide", "num_magnitude_bins": 31}]
    short = round(side / 0.875)
    inference = [
        {"name": "resize", "size": short, "resize_criteria": "short"},
        {"name": "centercrop", "size": side},
    ]
    return train, inference


def _detection(survey: Survey, choices: Choices) -> tuple[list[Entry], list[Entry]]:
    side = choices.size[0]
    small_model = choices.architecture.name.endswith("nano")
    letterbox = [
        {"name": "resize", "size": side, "resize_criteria": "long"},
        {"name": "pad", "size": side, "fill": _GREY},
    ]
    mosaic = {
        "name": "mosaicdetection",
        "size": [side, side],
        "mosaic_prob": 0.5 if small_model else 1.0,
        "affine_scale": [0.5, 1.5],
        "degrees": 10.0,
        "translate": 0.1,
        "shear": 2.0,
        "enable_mixup": not small_model,
        "fill": _GREY,
        "mosaic_off_duration": plain_epochs(choices.epochs.value),
    }
    jitter = {"name": "hsvjitter", "h_mag": 5, "s_mag": 30, "v_mag": 30}
    return [mosaic, jitter, _FLIP, *letterbox], letterbox


def plain_epochs(epochs: int) -> int:
    """Return for how many of the last epochs of detection there is no mosaic."""
    return max(epochs // 20, 1)


def _segmentation(survey: Survey, choices: Choices) -> tuple[list[Entry], list[Entry]]:
    height, width = choices.size
    shape = width / height
    crop = {
        "name": "randomresizedcrop",
        "size": [height, width],
        "scale": [0.25, 1.0],
        "ratio": [round(shape * 0.8, 3), round(shape * 1.25, 3)],
    }
    jitter = {
        "name": "colorjitter",
        "brightness": 0.25,
        "contrast": 0.25,
        "saturation": 0.25,
        "hue": 0.1,
        "p": 0.5,
    }
    return [crop, _FLIP, jitter], [{"name": "resize", "size": [height, width]}]


def _pose(survey: Survey, choices: Choices) -> tuple[list[Entry], list[Entry]]:
    """Show a quarter more than the box in inference, and as much on average in training."""
    size = list(choices.size)
    train = {
        "name": "posetopdownaffine",
        "scale": [1.0, 1.5],
        "translate": 0.1,
        "rotation": 60,
        "size": size,
    }
    still = {
        "name": "posetopdownaffine",
        "scale": [1.25, 1.25],
        "scale_prob": 1.0,
        "translate": 0.0,
        "translate_prob": 0.0,
        "rotation": 0,
        "rotation_prob": 0.0,
        "size": size,
    }
    return [_FLIP, train], [still]
