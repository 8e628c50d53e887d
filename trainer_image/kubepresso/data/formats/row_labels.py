"""Labels in the rows of a table, as Hugging Face data sets have them for detection and segmentation."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.boxes import as_objects, check_boxes
from kubepresso.data.formats.choosing import class_of_index, report_unchosen
from kubepresso.data.formats.coco_annotations import corners_of
from kubepresso.data.formats.colours import ColourTable, colour_classes
from kubepresso.data.formats.mask_files import check_values, decode_mask, finish_mask
from kubepresso.data.formats.naming import classes_of_values, mapped_classes
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.source import Label
from kubepresso.data.targets import IGNORE, ClassMask, Geometry, LabelProblemError, Objects
from kubepresso.errors import UserError

_CATEGORIES = ("category", "categories", "category_id", "label", "labels")
_NAN = float("nan")
_LEFT_OUT, _WRONG = -1, -2
MakeLabel = Callable[[Any, str], Label]


def class_names(feature: Any) -> list[str] | None:
    """Return the names of the class label in a column's feature, however deep it stands; None where none."""
    if isinstance(feature, Mapping):
        names = feature.get("names")
        if feature.get("_type") == "ClassLabel" and isinstance(names, list):
            return [str(name) for name in names]
    elif not isinstance(feature, list):
        return None
    inner = feature.values() if isinstance(feature, Mapping) else feature
    return next((names for value in inner if (names := class_names(value)) is not None), None)


def row_labels(
    data: DataConfig,
    root: Path,
    feature_names: list[str] | None,
    values: Callable[[], Iterable[Any]],
    findings: Findings,
) -> tuple[list[str], MakeLabel]:
    """Return the classes, and what makes a row's label of its value and its place.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        feature_names: Class names that the table gives.
        values: Reads the column of labels; called where it is not the table alone that names the classes.
        findings: Receives the objects of classes that ``data.id_mapping`` leaves out.

    Raises:
        UserError: The values found leave a gap, ``data.id_mapping`` names none of the classes, or the task
            has no such format.
    """
    if data.task == "detection":
        return _objects(mapped_classes(data, root), feature_names, values, findings)
    if data.task != "segmentation":
        raise UserError(f"data: tables hold no {data.task}; give keypoints_txt or coco_keypoints")
    coloured = colour_classes(data, root)
    if coloured is not None:
        return coloured[0], functools.partial(RowMask, *coloured)
    given = mapped_classes(data, root) or feature_names
    if given:
        return given, functools.partial(RowMask, given, None)
    found = _mask_values(values())
    check_values(found)
    return (names := classes_of_values(found - {IGNORE}, "masks")), functools.partial(RowMask, names, None)


def _objects(
    mapped: list[str] | None,
    feature_names: list[str] | None,
    values: Callable[[], Iterable[Any]],
    findings: Findings,
) -> tuple[list[str], MakeLabel]:
    names = mapped or feature_names or classes_of_values(set(_categories_in(values())), "objects")
    by_index = class_of_index(names, feature_names)
    if mapped and (feature_names is None or -1 in by_index):
        found = Counter(_named(_categories_in(values()), feature_names or ()))
        report_unchosen(found, names, "the objects", findings)
    return names, functools.partial(RowObjects, {name: index for index, name in enumerate(names)}, by_index)


@dataclasses.dataclass(frozen=True, slots=True)
class RowObjects:
    """Objects of a row: ``bbox`` (x, y, width, height in pixels) and ``category``, lists or a list of both.

    Those of classes that are left out are not read.

    Args:
        by_name: Class index by name.
        by_index: Class index by index, -1 where it is left out.
        value: Of the column.
        place: Of the row.
    """

    by_name: Mapping[str, int]
    by_index: Sequence[int]
    value: Any
    place: str

    def __call__(self, geometry: Geometry) -> Objects:
        """Check the objects."""
        problems = LabelProblems()
        boxes, categories, crowd = _columns(self.value, self.place)
        labels = np.array([self._class(category, problems) for category in categories], np.int64)
        kept = labels != _LEFT_OUT
        places = [self.place] * int(kept.sum())
        corners = check_boxes(corners_of(boxes[kept]), geometry, places, problems)
        problems.check()
        return as_objects(corners, labels[kept].tolist(), crowd[kept].tolist())

    def classes(self) -> Sequence[int]:
        """Return the classes of the objects."""
        try:
            _, categories, _ = _columns(self.value, self.place)
        except LabelProblemError:
            return ()
        found = {self._class(category, LabelProblems()) for category in categories}
        return sorted(found - {_LEFT_OUT, _WRONG})

    def _class(self, category: Any, problems: LabelProblems) -> int:
        if isinstance(category, str):
            return self.by_name.get(category, _LEFT_OUT)
        if isinstance(category, int) and 0 <= category < len(self.by_index):
            return self.by_index[category]
        count = len(self.by_index)
        message = f"category {category!r} is not one of the {count} classes, allowed 0 to {count - 1}"
        problems.add(self.place, message)
        return _WRONG


@dataclasses.dataclass(frozen=True, slots=True)
class RowMask:
    """Mask of a row: an encoded image, or numbers in rows.

    Args:
        names: Class names.
        colours: Where its pixels are colours.
        value: Of the column.
        place: Of the row.
    """

    names: Sequence[str]
    colours: ColourTable | None
    value: Any
    place: str

    def __call__(self, geometry: Geometry) -> ClassMask:
        """Decode the mask."""
        return finish_mask(_mask(self.value, self.place, self.colours), self.place, geometry, self.names)

    def classes(self) -> Sequence[int]:
        """Return the classes of its pixels."""
        try:
            values = np.unique(_mask(self.value, self.place, self.colours))
        except LabelProblemError:
            return ()
        return [int(value) for value in values if 0 <= value < len(self.names)]


def _columns(value: Any, place: str) -> tuple[np.ndarray, list[Any], np.ndarray]:
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        value = {key: [item.get(key) for item in value] for key in {key for item in value for key in item}}
    if value is None or value == {}:
        return np.zeros((0, 4)), [], np.zeros(0, np.bool_)
    name = next((name for name in _CATEGORIES if isinstance(value, dict) and name in value), None)
    if name is None or "bbox" not in value:
        raise LabelProblemError("objects need bbox and category", place)
    boxes, categories = value["bbox"] or [], value[name] or []
    if not isinstance(boxes, list) or not isinstance(categories, list):
        raise LabelProblemError(f"bbox and {name} of objects must be lists", place)
    crowd = value.get("iscrowd") or [False] * len(boxes)
    if not isinstance(crowd, list) or not len(boxes) == len(categories) == len(crowd):
        raise LabelProblemError(f"{len(boxes)} boxes and {len(categories)} categories", place)
    rows = [_four(box) for box in boxes]
    boxes = np.array(rows, np.float64).reshape(-1, 4)
    return boxes, list(categories), np.array([bool(item) for item in crowd], np.bool_)


def _four(box: Any) -> list[float]:
    try:
        numbers = [float(number) for number in box]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    return numbers if len(numbers) == 4 else [_NAN] * 4


def _mask(value: Any, place: str, colours: ColourTable | None) -> np.ndarray:
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, bytes):
        return decode_mask(content, place, colours)
    if content is None:
        raise LabelProblemError("has no mask", place)
    try:
        array = np.asarray(content)
    except ValueError:
        array = np.zeros(0)
    if array.ndim == 3 and array.shape[2] == 3 and colours is not None:
        return colours.look_up(array.astype(np.uint8))
    if array.ndim != 2 or array.dtype.kind not in "iub" or not array.size:
        raise LabelProblemError("mask is neither an encoded image nor rows of class indexes", place)
    return array


def _categories_in(values: Iterable[Any]) -> Iterator[int | str]:
    for value in values:
        try:
            _, categories, _ = _columns(value, "")
        except LabelProblemError:
            continue  # reported when its sample is read
        yield from (category for category in categories if isinstance(category, int | str))


def _named(categories: Iterable[int | str], names: Sequence[str]) -> Iterator[str]:
    """Yield the name of each category that has one."""
    for category in categories:
        if isinstance(category, str):
            yield category
        elif 0 <= category < len(names):
            yield names[category]


def _mask_values(values: Iterable[Any]) -> set[int]:
    found: set[int] = set()
    for value in values:
        try:
            found |= set(np.unique(_mask(value, "", None)).tolist())
        except LabelProblemError:
            continue  # reported when its sample is read
    return found
