"""Pictures for reports: thumbnails with boxes, masks and keypoints drawn. Pillow and NumPy only."""

from __future__ import annotations

import colorsys
import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kubepresso.reporting.page import image_uri

Colour = tuple[int, int, int]

_PALETTE: tuple[Colour, ...] = (
    (230, 25, 75),
    (0, 130, 200),
    (60, 180, 75),
    (245, 130, 48),
    (145, 30, 180),
    (255, 225, 25),
    (70, 240, 240),
    (240, 50, 230),
    (170, 110, 40),
    (0, 128, 128),
    (128, 0, 0),
    (210, 245, 60),
    (0, 0, 128),
    (250, 190, 212),
    (128, 128, 0),
    (220, 190, 255),
)
_GOLDEN = 0.61803398875
_IGNORED: Colour = (40, 40, 40)


def class_colour(index: int) -> Colour:
    """Return a colour that tells a class from its neighbours; the first sixteen are hand-picked."""
    if index < len(_PALETTE):
        return _PALETTE[index]
    hue = (index * _GOLDEN) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65 + 0.3 * (index % 2), 0.95 - 0.25 * (index % 3 == 0))
    return round(red * 255), round(green * 255), round(blue * 255)


def hex_colour(colour: Colour) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """Return an RGB copy whose longer side is ``side``; small images are enlarged without smoothing."""
    scale = side / max(image.size)
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    width, height = (max(round(length * scale), 1) for length in image.size)
    return image.convert("RGB").resize((width, height), method)


def picture_uri(image: Image.Image) -> str:
    """Return a ``data:`` URI: PNG for small pictures, JPEG for others."""
    small = max(image.size) <= 128
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if small else "JPEG", **({} if small else {"quality": 85}))
    return image_uri(buffer.getvalue(), "image/png" if small else "image/jpeg")


def draw_boxes(
    image: Image.Image,
    boxes: np.ndarray,
    colours: Sequence[Colour],
    captions: Sequence[str] | None = None,
    dashed: Sequence[bool] | None = None,
) -> None:
    """Draw boxes into an image.

    Args:
        image: RGB; changed.
        boxes: ``[n, 4]``, x1, y1, x2, y2 in the image's pixels.
        colours: One for each box.
        captions: One for each box, written into its upper left corner where it fits; None for none.
        dashed: Which boxes to draw thinner, such as crowds; None for none.
    """
    draw = ImageDraw.Draw(image)
    for index, (x1, y1, x2, y2) in enumerate(np.asarray(boxes, float)):
        width = 1 if dashed is not None and dashed[index] else 2
        corners = (min(x1, x2), min(y1, y2), max(x1, x2 - 1), max(y1, y2 - 1))
        draw.rectangle(corners, outline=colours[index], width=width)
        if captions is not None and captions[index]:
            _caption(draw, (x1, y1), captions[index], colours[index])


def draw_mask(
    image: Image.Image, pixels: np.ndarray, ignore: int = 255, opacity: float = 0.55
) -> Image.Image:
    """Return an image with a mask's colours laid over it; ignored pixels are darkened.

    Args:
        image: RGB.
        pixels: uint8 ``[height, width]`` class indexes, of any size with the image's aspect ratio.
        ignore: The value that belongs to no class.
        opacity: Of the colours, 0 to 1.
    """
    table = np.array([class_colour(index) for index in range(256)], np.uint8)
    table[ignore] = _IGNORED
    sized = Image.fromarray(np.asarray(pixels, np.uint8)).resize(image.size, Image.Resampling.NEAREST)
    return Image.blend(image.convert("RGB"), Image.fromarray(table[np.asarray(sized)]), opacity)


def draw_keypoints(image: Image.Image, keypoints: np.ndarray, colours: Sequence[Colour]) -> None:
    """Draw the keypoints of an image's instances: visible ones filled, hidden ones as rings.

    Args:
        image: RGB; changed.
        keypoints: ``[n, k, 3]``, x, y in the image's pixels and visibility 0 (left out), 1 (hidden), 2.
        colours: One for each of the k keypoints.
    """
    draw = ImageDraw.Draw(image)
    radius = max(2, round(max(image.size) / 90))
    for instance in np.asarray(keypoints, float):
        for (x, y, visibility), colour in zip(instance, colours, strict=True):
            if visibility > 0:
                corners = (x - radius, y - radius, x + radius, y + radius)
                draw.ellipse(corners, outline=(255, 255, 255) if visibility > 1 else colour, width=1)
                if visibility > 1:
                    inner = (x - radius + 1, y - radius + 1, x + radius - 1, y + radius - 1)
                    draw.ellipse(inner, fill=colour)


def _caption(draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: Colour) -> None:
    font = _font()
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = max(min(corner[0], draw.im.size[0] - width), 0)
    y = corner[1] - height if corner[1] >= height else corner[1]
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 140
    draw.text((x + 2 - left, y + 2 - top), text, fill=(255, 255, 255) if dark else (0, 0, 0), font=font)


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(11)
