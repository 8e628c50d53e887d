"""Pictures of samples at any stage of a recipe: tensors made drawable, and drawn as every report draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from kubepresso.reporting.palette import UNKNOWN, Colour
from kubepresso.reporting.pictures import draw_boxes, draw_keypoints, draw_mask, thumbnail
from kubepresso.sampling import IGNORE

# A float picture whose highest value is between 1 and this is a normalised one, not a black one of 0 to 255.
_DARKEST_WHITE = 16.0


def draw_sample(
    sample: dict[str, Any], classes: Sequence[str], colours: Sequence[Colour], side: int
) -> Image.Image:
    """Draw a sample at any stage of a recipe.

    Args:
        sample: Plain tensors; targets that are missing or out of form are left out.
        classes: Class names; keypoint names for poses.
        colours: One for each of them.
        side: Length of the picture's longer side.
    """
    drawn = thumbnail(Image.fromarray(displayable(sample["image"])), side)
    height, width = sample["image"].shape[-2:]
    scale = np.array([drawn.width / width, drawn.height / height])
    if "mask" in sample and sample["mask"].ndim == 2:
        drawn = draw_mask(drawn, sample["mask"].clamp(0, IGNORE).to(torch.uint8).numpy(), colours)
    if "labels" in sample and len(sample["boxes"]) == len(sample["labels"]):
        _draw_objects(drawn, sample, scale, classes, colours)
    if "keypoints" in sample and len(sample["keypoints"]) == len(sample["visibility"]) == len(colours):
        draw_boxes(drawn, _scaled(sample["boxes"], np.tile(scale, 2)), [UNKNOWN] * len(sample["boxes"]))
        points = _scaled(sample["keypoints"], scale)
        instance = np.column_stack([points, sample["visibility"].numpy()])
        draw_keypoints(drawn, instance[None], colours, numbered=True)
    return drawn


def displayable(image: torch.Tensor) -> np.ndarray:
    """Return uint8 ``[h, w, 3]``; floats beyond 0 to 1 and 0 to 255 are stretched to their range."""
    pixels = torch.nan_to_num(image.to(torch.float32), posinf=0.0, neginf=0.0)
    if image.is_floating_point():
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > 255 or 1 < high < _DARKEST_WHITE:
            pixels = (pixels - low) / (high - low).clamp(min=1e-12) * 255
        elif high <= 1:
            pixels = pixels * 255
    shown = pixels.round().clamp(0, 255).to(torch.uint8).expand(3, -1, -1)
    return np.ascontiguousarray(shown.permute(1, 2, 0).numpy())


def _draw_objects(
    drawn: Image.Image,
    sample: dict[str, Any],
    scale: np.ndarray,
    classes: Sequence[str],
    colours: Sequence[Colour],
) -> None:
    labels = [int(label) for label in sample["labels"]]
    known = [0 <= label < len(classes) for label in labels]
    draw_boxes(
        drawn,
        _scaled(sample["boxes"], np.tile(scale, 2)),
        [colours[label] if sure else UNKNOWN for label, sure in zip(labels, known, strict=True)],
        [classes[label] if sure else "?" for label, sure in zip(labels, known, strict=True)],
        sample["crowd"].tolist() if len(sample.get("crowd", ())) == len(labels) else None,
    )


def _scaled(coordinates: torch.Tensor, scale: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = torch.nan_to_num(coordinates.double()).numpy() * scale
    return scaled
