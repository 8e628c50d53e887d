"""COCO instances flattened to one mask of classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from kubepresso.data.formats.coco_annotations import (
    annotation_places,
    chosen_rows,
    classes_in,
    label_of_each,
)
from kubepresso.data.formats.coco_tables import CocoTables
from kubepresso.data.formats.orientation import needs_turn, turn_mask
from kubepresso.data.formats.outlines import pixels_in
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.targets import IGNORE, ClassMask, Geometry
from kubepresso.errors import UserError

_BACKGROUND = "background"


def mask_names(names: Sequence[str], mapped: bool) -> list[str]:
    """Return the classes of masks: pixels outside all objects are ``background``.

    Args:
        names: The categories.
        mapped: Whether ``data.id_mapping`` gave them; then they stay as they are, and pixels outside are
            ignored unless one is called background.

    Raises:
        UserError: There are more than a mask can hold.
    """
    classes = list(names) if mapped or _background_of(names) != IGNORE else [_BACKGROUND, *names]
    if len(classes) > IGNORE:
        raise UserError(f"data: {len(classes)} classes, a mask holds at most {IGNORE}")
    return classes


def _background_of(names: Sequence[str]) -> int:
    return next((index for index, name in enumerate(names) if name.lower() == _BACKGROUND), IGNORE)


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceMask:
    """The objects of one image, drawn in the order of their areas, the largest first; crowds are ignored.

    Args:
        tables: Of the file, with the outlines as details.
        indexes: Class index of each category, -1 for none.
        place: The file's name inside the source.
        names: Class names.
        row: Of the image.
    """

    tables: CocoTables
    indexes: np.ndarray
    place: str
    names: Sequence[str]
    row: int

    def __call__(self, geometry: Geometry) -> ClassMask:
        """Draw the outlines."""
        stated = self.tables.images.size(self.row)
        turn = needs_turn(stated, geometry, self.place)
        width, height = stated or (geometry.width, geometry.height)
        rows = chosen_rows(self.tables, self.indexes, self.row)
        places = annotation_places(self.tables, self.place, rows)
        problems = LabelProblems()
        labels = label_of_each(self.tables, self.indexes, rows, places, problems)
        drawn = [
            self._draw(int(row), place, height, width, problems)
            for row, place in zip(rows, places, strict=True)
        ]
        problems.check()
        pixels = np.full((height, width), _background_of(self.names), np.uint8)
        crowd = self.tables.annotations.crowd[rows]
        # Crowds lie under all objects, as these are marked apart from them.
        for index in sorted(range(len(rows)), key=lambda index: (not crowd[index], -drawn[index].sum())):
            pixels[drawn[index]] = IGNORE if crowd[index] else labels[index]
        return ClassMask(turn_mask(pixels, geometry) if turn else pixels)

    def classes(self) -> Sequence[int]:
        """Return the classes of the objects."""
        return classes_in(self.tables, self.indexes, self.row)

    def _draw(self, row: int, place: str, height: int, width: int, problems: LabelProblems) -> np.ndarray:
        outline = self.tables.annotations.details[row]
        if outline is None:
            problems.add(
                place, "segmentation is neither polygons of three points or more nor runs with a size"
            )
        else:
            try:
                return pixels_in(outline, height, width)
            except ValueError as error:
                problems.add(place, str(error))
        return np.zeros((height, width), np.bool_)
