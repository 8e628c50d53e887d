"""Pictures of samples: boxes with their class, masks as colours, keypoints with their sides."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

from kubepresso.augmentation.inventory import IGNORE

Colour = tuple[int, int, int]

SMALL_SIDE = 92
LARGE_SIDE = 246
_MASK_STRENGTH = 0.55
_TOO_MANY_NUMBERS = 24
_TOO_MANY_NAMES = 16
# A float picture whose highest value is between 1 and this is a normalised one, not a black one of 0 to 255.
_DARKEST_WHITE = 16.0
# Far apart for most eyes: Sasha Trubetskoy's list of simple, distinct colours, without the greys.
_PALETTE = (
    (230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180),
    (70, 240, 240), (240, 50, 230), (210, 245, 60), (250, 190, 212), (0, 128, 128), (220, 190, 255),
    (170, 110, 40), (255, 250, 200), (128, 0, 0), (170, 255, 195), (128, 128, 0), (255, 215, 180),
    (0, 0, 128),
)  # fmt: skip
IGNORED: Colour = (60, 60, 60)
FIRST_OF_PAIR: Colour = (0, 114, 255)
SECOND_OF_PAIR: Colour = (255, 120, 0)
UNPAIRED: Colour = (0, 200, 83)


def palette(count: int) -> list[Colour]:
    """Return well-separated colours, the same first ones for any count."""
    more = [colorsys.hsv_to_rgb((n * 0.618034) % 1, 0.55 + 0.45 * (n % 2), 0.95) for n in range(count)]
    extra = [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in more]
    return [*_PALETTE, *extra][:count]


def pair_colours(swap: Sequence[int]) -> list[Colour]:
    """Return a colour for each keypoint: its side of a pair that is mirrored, or that it has no partner."""
    return [
        UNPAIRED if partner == index else FIRST_OF_PAIR if index < partner else SECOND_OF_PAIR
        for index, partner in enumerate(swap)
    ]


def draw_sample(
    sample: dict[str, Any], classes: Sequence[str], colours: Sequence[Colour], side: int
) -> bytes:
    """Draw a sample at any stage of a recipe.

    Args:
        sample: Plain tensors; targets that are missing or out of form are left out.
        classes: Class names.
        colours: One for each class; for each keypoint of a pose.
        side: Length of the picture's longer side.

    Returns:
        A PNG where the picture is as small as `SMALL_SIDE`, a JPEG otherwise; see `mime_of`.
    """
    pixels = displayable(sample["image"], side)
    scale = pixels.shape[-1] / max(sample["image"].shape[-1], 1)
    picture = pixels.permute(1, 2, 0).numpy()
    if "mask" in sample and sample["mask"].ndim == 2:
        picture = _with_mask(picture, sample["mask"], colours)
    drawn = Image.fromarray(np.ascontiguousarray(picture))
    if "labels" in sample and len(sample["boxes"]) == len(sample["labels"]):
        _draw_boxes(drawn, sample, scale, classes, colours)
    if "keypoints" in sample and len(sample["keypoints"]) == len(sample["visibility"]) == len(colours):
        _draw_keypoints(drawn, sample, scale, colours)
    buffer = io.BytesIO()
    if side <= SMALL_SIDE:
        drawn.save(buffer, "PNG")
    else:
        drawn.save(buffer, "JPEG", quality=85, subsampling=0)
    return buffer.getvalue()


def mime_of(picture: bytes) -> str:
    """Return the type of an encoded picture."""
    return "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"


def displayable(image: torch.Tensor, side: int) -> torch.Tensor:
    """Return uint8 ``[3, h, w]``; floats beyond 0 to 1 and 0 to 255 are stretched to their range."""
    pixels = torch.nan_to_num(image.to(torch.float32), posinf=0.0, neginf=0.0)
    if image.is_floating_point():
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > 255 or 1 < high < _DARKEST_WHITE:
            pixels = (pixels - low) / (high - low).clamp(min=1e-12) * 255
        elif high <= 1:
            pixels = pixels * 255
    scale = side / max(image.shape[-2:])
    method = "nearest" if scale > 1 else "area"
    size = [max(round(length * scale), 1) for length in image.shape[-2:]]
    resized = functional.interpolate(pixels[None], size, mode=method)[0]
    return resized.round().clamp(0, 255).to(torch.uint8).expand(3, -1, -1)


def _with_mask(picture: np.ndarray, mask: torch.Tensor, colours: Sequence[Colour]) -> np.ndarray:
    size = picture.shape[:2]
    small = (
        functional.interpolate(mask[None, None].float(), size, mode="nearest")[0, 0].long().clamp(0, IGNORE)
    )
    table = np.full((IGNORE + 1, 3), 255, np.float32)
    table[: len(colours)] = colours
    table[IGNORE] = IGNORED
    overlay = table[small.numpy()]
    mixed: np.ndarray = picture * (1 - _MASK_STRENGTH) + overlay * _MASK_STRENGTH
    return mixed.round().astype(np.uint8)


def _draw_boxes(
    drawn: Image.Image,
    sample: dict[str, Any],
    scale: float,
    classes: Sequence[str],
    colours: Sequence[Colour],
) -> None:
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(11)
    width = 2 if max(drawn.size) > SMALL_SIDE else 1
    boxes = (torch.nan_to_num(sample["boxes"].float()) * scale).tolist()
    labels = [int(label) for label in sample["labels"]]
    for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
        if 0 <= label < len(classes) and x2 >= x1 and y2 >= y1:
            draw.rectangle((x1, y1, x2, y2), outline=colours[label], width=width)
    if len(boxes) > _TOO_MANY_NAMES:
        return  # the legend has the colours, and names would hide the objects
    for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
        text = classes[label] if 0 <= label < len(classes) else "?"
        room = draw.textlength(text, font) + 4
        if x2 - x1 >= room and y2 - y1 >= 20:
            left, upper = max(x1, 0), max(y1, 0)
            colour = colours[label % len(colours)]
            draw.rectangle((left, upper, left + room, upper + 13), fill=colour)
            draw.text((left + 2, upper), text, fill=ink_on(colour), font=font)


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever can be read on a colour (ITU-R BT.601 luma)."""
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 105 else (255, 255, 255)


def _draw_keypoints(
    drawn: Image.Image, sample: dict[str, Any], scale: float, colours: Sequence[Colour]
) -> None:
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(10)
    x1, y1, x2, y2 = (torch.nan_to_num(sample["boxes"][0].float()) * scale).tolist()
    if x2 >= x1 and y2 >= y1:
        draw.rectangle((x1, y1, x2, y2), outline=(255, 255, 255), width=1)
    points = (torch.nan_to_num(sample["keypoints"].float()) * scale).tolist()
    radius = 3.5 if len(points) <= _TOO_MANY_NUMBERS else 2
    for index, ((x, y), seen) in enumerate(zip(points, sample["visibility"].tolist(), strict=True)):
        if seen <= 0:
            continue
        around = (x - radius, y - radius, x + radius, y + radius)
        if seen >= 2:
            draw.ellipse(around, fill=colours[index], outline=(0, 0, 0))
        else:
            draw.ellipse(around, outline=colours[index], width=2)
        if len(points) <= _TOO_MANY_NUMBERS:
            place = (x + radius + 1, y - 6)
            draw.text(
                place, str(index), fill=(255, 255, 255), font=font, stroke_width=1, stroke_fill=(0, 0, 0)
            )
