"""Pictures for reports: thumbnails with boxes, masks and keypoints drawn. Pillow and NumPy only."""

from __future__ import annotations

import collections
import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kubepresso.reporting.page import image_uri
from kubepresso.reporting.palette import IGNORED, UNKNOWN, Colour, ink_on
from kubepresso.sampling import IGNORE

_MASK_STRENGTH = 0.55
_SMALL_SIDE = 128
_TOO_MANY_NUMBERS = 24
# Farther outside than this, a box's line is drawn nowhere.
_MARGIN = 8

_Rectangle = tuple[float, float, float, float]


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """Return an RGB copy whose longer side is ``side``; small images are enlarged without smoothing."""
    scale = side / max(image.size)
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    width, height = (max(round(length * scale), 1) for length in image.size)
    return image.convert("RGB").resize((width, height), method)


def picture_uri(image: Image.Image) -> str:
    """Return a ``data:`` URI: PNG for small pictures, JPEG for others."""
    buffer = io.BytesIO()
    if max(image.size) <= _SMALL_SIDE:
        image.save(buffer, "PNG")
        return image_uri(buffer.getvalue(), "image/png")
    image.save(buffer, "JPEG", quality=85, subsampling=0)  # halved colours would blur thin lines
    return image_uri(buffer.getvalue(), "image/jpeg")


def draw_boxes(
    image: Image.Image,
    boxes: np.ndarray,
    colours: Sequence[Colour],
    captions: Sequence[str] | None = None,
    thin: Sequence[bool] | None = None,
) -> None:
    """Draw boxes into an image.

    Where captions would cover one another, the most frequent ones are left out.

    Args:
        image: RGB; changed.
        boxes: ``[n, 4]``, x1, y1, x2, y2 in the image's pixels.
        colours: One for each box.
        captions: One for each box, written at its upper left corner; None for none.
        thin: Which boxes to draw thinner, such as crowds; None for none.
    """
    draw = ImageDraw.Draw(image)
    limits = np.array([*image.size, *image.size], float) + _MARGIN
    shown = np.clip(np.nan_to_num(np.asarray(boxes, float)), -_MARGIN, limits)
    for index, (x1, y1, x2, y2) in enumerate(shown):
        corners = (min(x1, x2), min(y1, y2), max(x1, x2 - 1), max(y1, y2 - 1))
        draw.rectangle(corners, outline=colours[index], width=1 if thin is not None and thin[index] else 2)
    if captions is None:
        return
    frequency = collections.Counter(captions)
    written: list[_Rectangle] = []
    for index in sorted(range(len(shown)), key=lambda index: frequency[captions[index]]):
        place = _caption_place(draw, shown[index], captions[index])
        if not any(_overlap(place, other) for other in written):
            _write_caption(draw, place, captions[index], colours[index])
            written.append(place)


def draw_mask(image: Image.Image, pixels: np.ndarray, colours: Sequence[Colour]) -> Image.Image:
    """Return an image with a mask's colours laid over it; pixels of no class (255) are darkened.

    Args:
        image: RGB.
        pixels: uint8 ``[height, width]`` class indexes, of any size with the image's aspect ratio.
        colours: One for each class; indexes beyond them become white.
    """
    table = np.full((IGNORE + 1, 3), UNKNOWN, np.uint8)
    table[: len(colours)] = np.array(colours, np.uint8).reshape(-1, 3)[: IGNORE + 1]
    table[IGNORE] = IGNORED
    sized = Image.fromarray(np.asarray(pixels, np.uint8)).resize(image.size, Image.Resampling.NEAREST)
    return Image.blend(image.convert("RGB"), Image.fromarray(table[np.asarray(sized)]), _MASK_STRENGTH)


def draw_keypoints(
    image: Image.Image, keypoints: np.ndarray, colours: Sequence[Colour], numbered: bool = False
) -> None:
    """Draw the keypoints of an image's instances: visible ones filled, hidden ones as rings.

    Args:
        image: RGB; changed.
        keypoints: ``[n, k, 3]``, x, y in the image's pixels and visibility 0 (left out), 1 (hidden), 2.
        colours: One for each of the k keypoints.
        numbered: Write each one's index beside it, unless they are many.
    """
    draw = ImageDraw.Draw(image)
    radius = max(2, round(max(image.size) / 90))
    numbered = numbered and len(colours) <= _TOO_MANY_NUMBERS
    for instance in np.nan_to_num(np.asarray(keypoints, float)):
        for index, ((x, y, visibility), colour) in enumerate(zip(instance, colours, strict=True)):
            if visibility <= 0 or not (0 <= x <= image.width and 0 <= y <= image.height):
                continue
            around = (x - radius, y - radius, x + radius, y + radius)
            if visibility > 1:
                draw.ellipse(around, fill=colour, outline=(255, 255, 255), width=1)
            else:
                draw.ellipse(around, outline=colour, width=2)
            if numbered:
                place = (x + radius + 1, y - 6)
                draw.text(place, str(index), (255, 255, 255), _font(), stroke_width=1, stroke_fill=(0, 0, 0))


def _caption_place(draw: ImageDraw.ImageDraw, box: np.ndarray, text: str) -> _Rectangle:
    """Return where a box's caption goes: above it, or inside where there is no room above."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=_font())
    width, height = right - left + 4, bottom - top + 4
    x = max(min(box[0], draw.im.size[0] - width), 0)
    y = box[1] - height if box[1] >= height else max(box[1], 0)
    return x, y, x + width, y + height


def _overlap(one: _Rectangle, other: _Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _write_caption(draw: ImageDraw.ImageDraw, place: _Rectangle, text: str, colour: Colour) -> None:
    left, top, _, _ = draw.textbbox((0, 0), text, font=_font())
    draw.rectangle(place, fill=colour)
    draw.text((place[0] + 2 - left, place[1] + 2 - top), text, fill=ink_on(colour), font=_font())


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(11)
