"""The annotations of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.findings import Findings
from kubepresso.data.formats.coco_tables import CocoTables
from kubepresso.data.formats.problems import LabelProblems


def annotation_places(tables: CocoTables, place: str, rows: np.ndarray) -> list[str]:
    """Return where each annotation stands: COCO's files have one line, so it is the id that finds it."""
    return [f"{place}: annotation {tables.annotations.ids[row]}" for row in rows]


def report_strays(tables: CocoTables, place: str, findings: Findings) -> None:
    """Report annotations of images that the file does not list.

    Args:
        tables: Of the file.
        place: The file's name inside the source.
        findings: Receives them as ``missing_labels``.
    """
    strays = np.flatnonzero(tables.annotations.image < 0)
    for where in annotation_places(tables, place, strays):
        findings.add("missing_labels", where, "its image_id is not one of the images")


def label_of_each(
    tables: CocoTables,
    indexes: np.ndarray,
    rows: np.ndarray,
    places: Sequence[str],
    problems: LabelProblems,
) -> list[int]:
    """Return the class of each annotation; what is no class is reported and gives -1."""
    labels = []
    for row, place in zip(rows, places, strict=True):
        position = int(tables.annotations.category[row])
        label = int(indexes[position]) if position >= 0 else -1
        if position < 0:
            problems.add(place, "its category_id is not one of the categories")
        elif label < 0:
            name = tables.categories[position].name
            problems.add(place, f"category {name!r} is not a class of data.id_mapping")
        labels.append(label)
    return labels


def corners_of(boxes: np.ndarray) -> np.ndarray:
    """Turn x, y, width, height into xyxy, float64 ``[n, 4]``."""
    return np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)


def classes_in(tables: CocoTables, indexes: np.ndarray, image: int) -> list[int]:
    """Return the classes of an image's annotations."""
    positions = tables.annotations.category[tables.rows_of(image)]
    found = np.unique(indexes[positions[positions >= 0]])
    return found[found >= 0].tolist()  # type: ignore[no-any-return]
