"""COCO panoptic: a JSON of segments, and for each image a PNG of their ids, r + 256 g + 65536 b."""

from __future__ import annotations

import dataclasses
import functools
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.coco_annotations import report_strays
from kubepresso.data.formats.coco_classes import category_names, class_indexes
from kubepresso.data.formats.coco_file import read_coco
from kubepresso.data.formats.coco_places import Listed, list_splits, split_files
from kubepresso.data.formats.coco_split import CocoSplit
from kubepresso.data.formats.coco_tables import CocoTables
from kubepresso.data.formats.mask_files import decode_colours, finish_mask, read_mask
from kubepresso.data.formats.naming import relative
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import Source
from kubepresso.data.targets import IGNORE, ClassMask, Geometry
from kubepresso.errors import UserError

_OF_NONE = 0
"""The id of pixels that belong to no segment."""


class Segments(NamedTuple):
    """What an annotation says of its segments.

    Args:
        file_name: Of the PNG.
        ids: Values in the PNG.
        categories: Id of the category of each.
        crowd: Whether each is a group.
    """

    file_name: str
    ids: array[int]
    categories: list[Any]
    crowd: bytes


@register("coco_panoptic")
class CocoPanoptic:
    """Things and stuff are classes alike. Crowds, and pixels of no segment, are no class.

    The PNGs of ``panoptic_train.json`` lie in the folder ``panoptic_train`` beside it, or below the root.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Read the tables; see `registry.Format`."""
        files = split_files(data, root, lambda name: "panoptic" in name)
        tables = {split: read_coco(file, _segments_of) for split, file in files.items()}
        listed = list_splits(
            data, root, files, {split: table.images.names for split, table in tables.items()}, findings
        )
        names = category_names(data, root, tables.values())
        if len(names) > IGNORE:
            raise UserError(f"data: {len(names)} classes, a mask holds at most {IGNORE}")
        splits = {}
        for split, table in tables.items():
            folder = _mask_folder(files[split], root, table)
            by_category = dict(
                zip(
                    (category.key for category in table.categories),
                    class_indexes(table.categories, names).tolist(),
                    strict=True,
                )
            )
            place = relative(files[split], root)
            report_strays(table, place, findings)
            there = _with_masks(listed[split], table, folder, place, findings)
            make = functools.partial(PanopticMask, table, by_category, folder, place, names)
            splits[split] = CocoSplit(there, make)
        return Source(names, splits)


@dataclasses.dataclass(frozen=True, slots=True)
class PanopticMask:
    """The segments of one image.

    Args:
        tables: Of the file, with the segments as details.
        classes_by_id: Class index by the id of a category, -1 for none.
        folder: Of the PNGs.
        place: The JSON's name inside the source.
        names: Class names.
        row: Of the image.
    """

    tables: CocoTables
    classes_by_id: Mapping[Any, int]
    folder: Path
    place: str
    names: Sequence[str]
    row: int

    def __call__(self, geometry: Geometry) -> ClassMask:
        """Decode the PNG."""
        segments = _only(self.tables, self.row)
        assert segments is not None  # others are left out when the source is opened
        problems = LabelProblems()
        table = {_OF_NONE: IGNORE} | self._class_of_each(segments, problems)
        content = read_mask(self.folder / segments.file_name, segments.file_name)
        colours = decode_colours(content, segments.file_name).astype(np.int64)
        ids = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
        found, places, counts = np.unique(ids, return_inverse=True, return_counts=True)
        for value, count in zip(found.tolist(), counts.tolist(), strict=True):
            if value not in table:
                problems.add(segments.file_name, f"id {value} ({count} pixels) is not one of segments_info")
        problems.check()
        classes = np.array([table[value] for value in found.tolist()], np.uint8)[places].reshape(ids.shape)
        return finish_mask(classes, segments.file_name, geometry, self.names)

    def classes(self) -> Sequence[int]:
        """Return the classes of the segments."""
        segments = _only(self.tables, self.row)
        found = {self.classes_by_id.get(key, -1) for key in segments.categories} if segments else set()
        return sorted(found - {-1})

    def _class_of_each(self, segments: Segments, problems: LabelProblems) -> dict[int, int]:
        table = {}
        for key, category, crowd in zip(segments.ids, segments.categories, segments.crowd, strict=True):
            label = self.classes_by_id.get(category, -1)
            if label < 0:
                problems.add(f"{self.place}: segment {key}", f"category {category!r} is no class")
            table[key] = IGNORE if crowd else label
        return table


def _segments_of(annotation: dict[str, Any]) -> Segments | None:
    name, items = annotation.get("file_name"), annotation.get("segments_info")
    if not isinstance(name, str) or not isinstance(items, list):
        return None
    try:
        ids = array("q", [item["id"] for item in items])
        categories = [item["category_id"] for item in items]
        crowd = bytes(item.get("iscrowd") in (1, True) for item in items)
        hash(tuple(categories))
    except (TypeError, KeyError, OverflowError, AttributeError):
        return None
    return Segments(name, ids, categories, crowd)


def _only(tables: CocoTables, image: int) -> Segments | None:
    rows = tables.rows_of(image)
    return tables.annotations.details[rows[0]] if len(rows) == 1 else None


def _with_masks(listed: Listed, tables: CocoTables, folder: Path, place: str, findings: Findings) -> Listed:
    present = {entry.name for entry in folder.iterdir()}
    kept = listed._replace(rows=[], names=[])
    for row, name in zip(listed.rows, listed.names, strict=True):
        segments = _only(tables, row)
        if segments is None:
            findings.add("missing_labels", place, f"image {name!r} has no annotation with segments_info")
        elif segments.file_name not in present:
            findings.add(
                "missing_labels", place, f"image {name!r}: no {segments.file_name!r} in {folder.name}"
            )
        else:
            kept.rows.append(row)
            kept.names.append(name)
    return kept


def _mask_folder(file: Path, root: Path, tables: CocoTables) -> Path:
    names = [segments.file_name for segments in tables.annotations.details[:20] if segments is not None]
    candidates = [file.with_suffix(""), root / file.stem, file.parent]
    for folder in candidates:
        if any("/" not in name and "\0" not in name and (folder / name).is_file() for name in names):
            return folder
    raise UserError(
        f"{file}: its masks ({', '.join(names[:2]) or 'no file_name beside segments_info'}) are not in "
        f"{' or '.join(map(str, candidates))}; put them there"
    )
