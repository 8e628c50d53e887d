"""COCO instances: boxes for detection, or their outlines as one mask of classes for segmentation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.boxes import as_objects, check_boxes
from kubepresso.data.formats.coco_annotations import (
    annotation_places,
    check_present,
    chosen_rows,
    classes_in,
    corners_of,
    label_of_each,
    report_strays,
    report_unchosen,
)
from kubepresso.data.formats.coco_classes import category_names, class_indexes
from kubepresso.data.formats.coco_file import read_coco
from kubepresso.data.formats.coco_masks import InstanceMask, mask_names
from kubepresso.data.formats.coco_places import list_splits, split_files
from kubepresso.data.formats.coco_split import CocoSplit
from kubepresso.data.formats.coco_tables import CocoTables
from kubepresso.data.formats.naming import relative
from kubepresso.data.formats.orientation import needs_turn, turn_boxes
from kubepresso.data.formats.outlines import outline_of
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import Label, Source
from kubepresso.data.targets import Geometry, Objects


@register("coco")
class Coco:
    """Boxes are ``x, y, width, height`` in pixels. ``iscrowd`` is crowd. An image without annotations has no
    objects."""

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the tables; see `registry.Format`."""
        masks = data.task == "segmentation"
        files = split_files(data, root, lambda name: "keypoints" not in name and "panoptic" not in name)
        tables = {split: read_coco(file, outline_of if masks else None) for split, file in files.items()}
        listed = list_splits(
            data, root, files, {split: t.images.names for split, t in tables.items()}, findings
        )
        names = category_names(data, root, tables.values())
        if masks:
            names = mask_names(names, mapped=data.id_mapping is not None)
        splits = {}
        for split, table in tables.items():
            classes = class_indexes(table.categories, names)
            place = relative(files[split], root)
            report_strays(table, place, findings)
            report_unchosen(table, classes, place, findings)
            make: Callable[[int], Label] = (
                functools.partial(InstanceMask, table, classes, place, names)
                if masks
                else functools.partial(CocoBoxes, table, classes, place)
            )
            splits[split] = CocoSplit(listed[split], make)
        return Source(names, splits)


@dataclasses.dataclass(frozen=True, slots=True)
class CocoBoxes:
    """The boxes of one image.

    Args:
        tables: Of the file.
        indexes: Class index of each category, -1 for none.
        place: The file's name inside the source.
        row: Of the image.
    """

    tables: CocoTables
    indexes: np.ndarray
    place: str
    row: int

    def __call__(self, geometry: Geometry) -> Objects:
        """Take the image's boxes from the tables."""
        annotations = self.tables.annotations
        rows = chosen_rows(self.tables, self.indexes, self.row)
        places = annotation_places(self.tables, self.place, rows)
        problems = LabelProblems()
        labels = label_of_each(self.tables, self.indexes, rows, places, problems)
        check_present(self.tables, rows, places, problems)
        boxes = corners_of(annotations.boxes[rows])
        if needs_turn(self.tables.images.size(self.row), geometry, self.place):
            boxes = turn_boxes(boxes, geometry)
        boxes = check_boxes(boxes, geometry, places, problems)
        problems.check()
        return as_objects(boxes, labels, annotations.crowd[rows])

    def classes(self) -> Sequence[int]:
        """Return the classes in the image."""
        return classes_in(self.tables, self.indexes, self.row)
