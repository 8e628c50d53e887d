"""The colours of classes and keypoints in pictures, the same in every report."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

Colour = tuple[int, int, int]

IGNORED: Colour = (40, 40, 40)
"""Of a mask's pixels that belong to no class."""
UNKNOWN: Colour = (255, 255, 255)
"""Of what is labelled with an index that no class has."""

_GOLDEN = 0.61803398875
# Sasha Trubetskoy's list of simple, distinct colours, ordered so that the first few differ most.
_CHOSEN: tuple[Colour, ...] = (
    (230, 25, 75),
    (0, 130, 200),
    (60, 180, 75),
    (245, 130, 48),
    (145, 30, 180),
    (255, 225, 25),
    (70, 240, 240),
    (240, 50, 230),
    (210, 245, 60),
    (250, 190, 212),
    (0, 128, 128),
    (220, 190, 255),
    (170, 110, 40),
    (128, 0, 0),
    (128, 128, 0),
    (0, 0, 128),
)


def class_colour(index: int) -> Colour:
    """Return a colour that tells a class from its neighbours; the first sixteen are hand-picked."""
    if index < len(_CHOSEN):
        return _CHOSEN[index]
    hue = (index * _GOLDEN) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65 + 0.3 * (index % 2), 0.95 - 0.25 * (index % 3 == 0))
    return round(red * 255), round(green * 255), round(blue * 255)


def class_colours(count: int, own: Sequence[Colour | None] = ()) -> list[Colour]:
    """Return a colour for each class or keypoint.

    Args:
        count: Number of classes.
        own: Colours that the user chose, in class order; None, or too few of them, leaves the choice to
            `class_colour`.
    """
    chosen = [*own, *[None] * count][:count]
    return [colour or class_colour(index) for index, colour in enumerate(chosen)]


def hex_colour(colour: Colour) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever can be read on a colour (ITU-R BT.601 luma)."""
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 105 else (255, 255, 255)
