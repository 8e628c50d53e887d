"""YOLO: a text file for each image, a line for each object.

``class x y width height`` with the centre and the size relative to the image, as in Darknet; or, as in
Ultralytics' segmentation data, ``class x1 y1 x2 y2 x3 y3 ...``, of whose polygon the bounding box is taken.
An empty file is an image without objects.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.boxes import as_objects, check_boxes
from kubepresso.data.formats.choosing import class_of_index, report_unchosen
from kubepresso.data.formats.naming import classes_of_values, mapped_classes, named_places
from kubepresso.data.formats.number_lines import class_index, read_numbers
from kubepresso.data.formats.pairing import Folders, pair_splits, paired_splits
from kubepresso.data.formats.places import paired_folders
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import Source
from kubepresso.data.formats.yolo_names import Description, description, names_beside
from kubepresso.data.formats.yolo_splits import described_folders
from kubepresso.data.targets import Geometry, LabelProblemError, Objects
from kubepresso.errors import UserError

_LABEL_FOLDERS = ("labels", "label", "annotations")
_OTHER_TEXTS = frozenset(
    {"classes", "labels", "obj", "readme", "requirements", "train", "valid", "val", "test"}
)
#: Relative coordinates written with all digits come back as the pixels they were.
_DECIMALS = 6
_MOST_CLASSES = 1 << 31
_LEFT_OUT = -1
#: What can be a number of pixels and no relative coordinate, however far a box reaches out.
_IN_PIXELS = (10, 1e6)
_SHOWN = 8


@register("yolo")
class Yolo:
    """Classes are those of ``data.id_mapping``, else of ``data.yaml`` or ``classes.txt``, else indexes."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Pair the files; see `registry.Format`."""
        described = description(root)
        _refuse_poses(described)
        folders = _folders(data, root, described, findings)
        pairs = pair_splits(folders, root, data, findings, _is_label, _is_companion)
        if not any(pairs.values()):
            raise UserError(
                f"{root}: no image with a label found; expected images/train/<name>.jpg and "
                "labels/train/<name>.txt, COCO's annotations/instances_train.json, or Pascal VOC's "
                "Annotations/<name>.xml; or name the folders in data.path and the format in data.layout"
            )
        files = [pair.label for group in pairs.values() for pair in group]
        beside = names_beside(root, described)
        names = mapped_classes(data, root) or beside
        if names is None:
            names = classes_of_values(set(_indexes_in(files)), "labels")
        by_index = class_of_index(names, beside)
        if beside and _LEFT_OUT in by_index:
            found = Counter(beside[index] for index in _indexes_in(files) if index < len(beside))
            report_unchosen(found, names, "the text files", findings)
        return Source(names, paired_splits(pairs, root, lambda file, path: YoloLabel(file, path, by_index)))


@dataclasses.dataclass(frozen=True, slots=True)
class YoloLabel:
    """One text file.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        by_index: The class of each index, -1 where its objects are left out.
    """

    file: Path
    path: str
    by_index: Sequence[int]

    def __call__(self, geometry: Geometry) -> Objects:
        """Read the objects."""
        problems = LabelProblems()
        labels, boxes, places = [], [], []
        count = len(self.by_index)
        for place, values in read_numbers(self.file, self.path, problems):
            label = class_index(values[0], count)
            if label is not None and self.by_index[label] == _LEFT_OUT:
                continue
            box = _relative_box(values)
            if label is None:
                problems.add(place, f"class {values[0]:g} is out of range, allowed 0 to {count - 1}")
            wrong = _wrong_coordinates(values[1:], box is not None)
            if wrong:
                problems.add(place, wrong)
                continue
            if label is not None and box is not None:
                labels.append(self.by_index[label])
                boxes.append(box)
                places.append(place)
        size = (geometry.width, geometry.height) * 2
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported as not finite
            pixels = (np.array(boxes, np.float64).reshape(-1, 4) * size).round(_DECIMALS)
        pixels = check_boxes(pixels, geometry, places, problems)
        problems.check()
        return as_objects(pixels, labels, [False] * len(labels))

    def classes(self) -> Sequence[int]:
        """Return the classes of its lines, unchecked."""
        count = len(self.by_index)
        found = {self.by_index[index] for index in _indexes_in([self.file]) if index < count}
        return sorted(found - {_LEFT_OUT})


def _refuse_poses(described: Description | None) -> None:
    """Refuse Ultralytics' poses, whose lines may be taken for polygons."""
    if described and "kpt_shape" in described.content:
        raise UserError(
            f"{described.file}: kpt_shape: the labels are keypoints relative to the image, which are "
            "not read; write them as COCO keypoints, or as text in pixels (layout keypoints_txt)"
        )


def _folders(
    data: DataConfig, root: Path, described: Description | None, findings: Findings
) -> dict[str, list[Folders]]:
    by_name = {split: [place] for split, place in paired_folders(data, root, _LABEL_FOLDERS).items()}
    if named_places(data, root):
        return by_name
    found = described_folders(root, described, _LABEL_FOLDERS, findings)
    if found is None:
        return by_name
    taken = [place.images for places in found.values() for place in places]
    for split, (place,) in by_name.items():  # a test folder is often there and not described
        apart = not any(
            place.images.is_relative_to(other) or other.is_relative_to(place.images) for other in taken
        )
        if apart and split != "train":
            found.setdefault(split, [place])
    return found


def _is_label(file: Path) -> bool:
    return file.suffix.lower() == ".txt"


def _is_companion(file: Path) -> bool:
    return file.stem.lower().split(".")[0] in _OTHER_TEXTS


def _relative_box(values: list[float]) -> tuple[float, float, float, float] | None:
    numbers = values[1:]
    if len(numbers) == 4:
        x, y, width, height = numbers
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        if not np.isfinite(numbers).all():
            return (np.nan,) * 4
        return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])
    return None


def _wrong_coordinates(numbers: list[float], is_box: bool) -> str | None:
    if not is_box:
        return (
            f"{len(numbers) + 1} numbers; needed are 5 (class, x, y, width, height) or a class and a "
            "polygon of three points or more"
        )
    if _IN_PIXELS[0] <= max(map(abs, numbers)) < _IN_PIXELS[1]:
        written = ", ".join(f"{number:g}" for number in numbers[:_SHOWN])
        return f"coordinates {written} are pixels, it seems; needed are parts of the image, 0 to 1"
    return None


def _indexes_in(files: Iterable[Path]) -> Iterator[int]:
    for file in files:
        try:
            rows = read_numbers(file, file.name, LabelProblems())
        except LabelProblemError:
            continue  # reported when its sample is read
        indexes = (class_index(values[0], _MOST_CLASSES) for _, values in rows)
        yield from (index for index in indexes if index is not None)
