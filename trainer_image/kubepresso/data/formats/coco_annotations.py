"""The annotations of one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.findings import Findings
from kubepresso.data.formats.coco_tables import CocoTables
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.errors import UserError


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


def report_unchosen(tables: CocoTables, indexes: np.ndarray, place: str, findings: Findings) -> None:
    """Report the annotations that are left out as ``data.id_mapping`` does not name their category.

    Args:
        tables: Of the file.
        indexes: Class index of each category, -1 for none.
        place: The file's name inside the source.
        findings: Receives their number and categories, once.

    Raises:
        UserError: It names none of the categories that there are.
    """
    names = [category.name for category in tables.categories]
    if names and (indexes < 0).all():
        raise UserError(f"data.id_mapping: names none of the categories ({', '.join(names)}) of {place}")
    positions = tables.annotations.category[tables.annotations.category >= 0]
    unchosen = positions[indexes[positions] < 0]
    if unchosen.size:
        listed = ", ".join(names[position] for position in np.unique(unchosen).tolist())
        message = f"{unchosen.size} annotations of categories that data.id_mapping does not name ({listed})"
        findings.add("unused_files", place, message)


def chosen_rows(tables: CocoTables, indexes: np.ndarray, image: int) -> np.ndarray:
    """Return the rows of an image's annotations, without those of a category that is no class."""
    rows = tables.rows_of(image)
    positions = tables.annotations.category[rows]
    # A last entry for what is of no category: it stays, to be reported.
    chosen: np.ndarray = rows[np.append(indexes, 0)[positions] >= 0]
    return chosen


def label_of_each(
    tables: CocoTables,
    indexes: np.ndarray,
    rows: np.ndarray,
    places: Sequence[str],
    problems: LabelProblems,
) -> list[int]:
    """Return the class of each annotation; what is of no category is reported and gives -1."""
    labels = []
    for row, place in zip(rows, places, strict=True):
        position = int(tables.annotations.category[row])
        if position < 0:
            problems.add(place, "its category_id is not one of the categories")
        labels.append(int(indexes[position]) if position >= 0 else -1)
    return labels


def check_present(
    tables: CocoTables, rows: np.ndarray, places: Sequence[str], problems: LabelProblems
) -> None:
    """Report annotations whose ``bbox`` is missing or no box.

    Raises:
        LabelProblemError: There are any; nothing can be said of their places.
    """
    absent = np.isnan(tables.annotations.boxes[rows]).all(axis=1)
    for index in np.flatnonzero(absent).tolist():
        problems.add(places[index], "bbox is missing, or not the four numbers x, y, width, height")
    if absent.any():
        problems.check()


def corners_of(boxes: np.ndarray) -> np.ndarray:
    """Turn x, y, width, height into xyxy, float64 ``[n, 4]``."""
    return np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)


def classes_in(tables: CocoTables, indexes: np.ndarray, image: int) -> list[int]:
    """Return the classes of an image's annotations."""
    positions = tables.annotations.category[tables.rows_of(image)]
    found = np.unique(indexes[positions[positions >= 0]])
    return found[found >= 0].tolist()  # type: ignore[no-any-return]
