"""What lies in a folder: candidates for task and layout, from names, a few labels and a few image headers."""

from __future__ import annotations

import contextlib
import itertools
import json
import mmap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kubepresso.config.base import Task
from kubepresso.data.formats.detect import is_saved
from kubepresso.data.formats.naming import split_of
from kubepresso.data.formats.places import IMAGE_FOLDERS
from kubepresso.errors import UserError
from kubepresso.scaffold.inventory import LOOKED_AT, Inventory, head, spread
from kubepresso.scaffold.mask_files import MaskFiles, find_masks

#: By how much of the image a relative coordinate may lie outside.
_OVERHANG = 0.05
#: Share of the lines that tell what all of them are; the others are for the reader to report.
_MOST = 0.9
#: Types of columns of ``datasets`` that hold a mask.
_OF_MASKS = ("Image", "Array2D")
_IMAGES = ("image", "img", "pixel_values")


@dataclass(frozen=True)
class Candidate:
    """A way to read a data set.

    Args:
        task: ``data.task``.
        layout: ``data.layout``; None for a data set that ``datasets`` saved.
        found: What speaks for it, for a person.
        points: Keypoints of an instance, where the layout does not name them.
        masks: Where labels are masks.
        on_request: Whether it counts only where its task is asked for: the same labels speak for another one.
    """

    task: Task
    layout: str | None
    found: str
    points: int = 0
    masks: MaskFiles | None = None
    on_request: bool = False


def candidates(inventory: Inventory) -> list[Candidate]:
    """Return every way in which the files can be read; class folders on request where something else is."""
    looks: tuple[Callable[[Inventory], Iterator[Candidate]], ...] = (
        _saved,
        _parquet,
        _xml,
        _text,
        _json,
        _tables,
        _masks,
    )
    found = list(itertools.chain.from_iterable(look(inventory) for look in looks))
    found += [replace(each, on_request=bool(found)) for each in _class_folders(inventory)]
    found.sort(key=lambda candidate: candidate.on_request)
    unique = {(candidate.task, candidate.layout): candidate for candidate in reversed(found)}
    return list(reversed(unique.values()))


def _xml(inventory: Inventory) -> Iterator[Candidate]:
    with_boxes = [file for file in inventory.some(".xml") if b"<annotation" in head(file)]
    if any(b"<bndbox" in head(file) for file in with_boxes):
        where = inventory.where(inventory.by_suffix[".xml"])
        yield Candidate(
            "detection", "voc", f"{_counted(inventory.count('.xml'), 'XML file')}{where} with boxes"
        )


def _text(inventory: Inventory) -> Iterator[Candidate]:
    labels = inventory.called_as_images(".txt")
    # Most of the images may show nothing, so that their files are empty.
    filled = [file for file in labels if file.is_file() and file.stat().st_size]
    rows = [row for file in spread(filled, 4 * LOOKED_AT) for row in _rows(file)]
    if not rows:
        return
    widths = {len(row) for row in rows}
    width, most = Counter(map(len, rows)).most_common(1)[0]
    found = f"{_counted(len(labels), 'text file')}{inventory.where(labels)}"
    boxes, outlines = sum(len(row) == 5 for row in rows), sum(map(_is_outline, rows))
    if boxes + outlines > _MOST * len(rows):
        kind = "outlines, of which boxes are made" if outlines else "boxes"
        yield Candidate("detection", "yolo", f"{found} of a class and {kind}")
    elif most > _MOST * len(rows) and width > 4 and (width - 4) % 3 == 0:
        points = (width - 4) // 3
        yield Candidate(
            "pose_estimation", "keypoints_txt", f"{found} of {points} keypoints and a box", points
        )
    else:
        raise UserError(
            f"{inventory.root}: {found} with {_listed(widths)} numbers a line; allowed are 5 (class and box) "
            "or a class and an outline, relative to the image, for detection; 3 a keypoint and 4 of a box "
            "for poses, the same in each line"
        )


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _listed(numbers: set[int]) -> str:
    return " or ".join(map(str, sorted(numbers)[:4]))


def _rows(file: Path) -> Iterator[list[float]]:
    for line in head(file).decode("utf-8", "replace").splitlines()[:8]:
        with contextlib.suppress(ValueError):
            if row := list(map(float, line.split())):
                yield row


def _is_outline(row: Sequence[float]) -> bool:
    """Tell a class and the points of an outline, relative to the image, from keypoints in pixels."""
    label, *points = row
    inside = all(-_OVERHANG <= value <= 1 + _OVERHANG for value in points)
    return len(points) >= 6 and len(points) % 2 == 0 and label.is_integer() and label >= 0 and inside


def _json(inventory: Inventory) -> Iterator[Candidate]:
    for file in inventory.by_suffix.get(".json", ()):
        keys = _present(file, (b"images", b"annotations", b"categories", b"segments_info", b"keypoints"))
        keys |= _present(file, (b"bbox", b"segmentation"))
        if not {b"images", b"annotations"} <= keys:
            continue
        name = inventory.name(file)
        if b"segments_info" in keys:
            yield Candidate("segmentation", "coco_panoptic", f"COCO panoptic segments in {name}")
        elif b"keypoints" in keys:
            yield Candidate("pose_estimation", "coco_keypoints", f"COCO keypoints in {name}")
            yield Candidate("detection", "coco", f"COCO boxes in {name}", on_request=True)
        elif b"bbox" in keys:
            yield Candidate("detection", "coco", f"COCO boxes in {name}")
            if b"segmentation" in keys:
                yield Candidate("segmentation", "coco", f"COCO outlines in {name}", on_request=True)
        elif b"segmentation" in keys:
            yield Candidate("segmentation", "coco", f"COCO outlines in {name}")


def _present(file: Path, keys: Sequence[bytes]) -> set[bytes]:
    """Return which keys occur in a JSON file, without reading it into memory."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return {key for key in keys if content.find(b'"' + key + b'"') >= 0}
    except (OSError, ValueError):  # unreadable, or empty
        return set()


def _tables(inventory: Inventory) -> Iterator[Candidate]:
    for file in inventory.by_suffix.get(".csv", ()):
        first = head(file).decode("utf-8-sig", "replace").splitlines()[:1]
        columns = {name.strip().strip('"') for name in ",".join(first).split(",")}
        name = inventory.name(file)
        if {"image_id", "class"} <= columns:
            yield Candidate("classification", "csv_labels", f"a table of image_id and class, {name}")
        elif "file_name" in columns and file.name == "metadata.csv":
            yield Candidate("classification", "image_folder", f"a table of file names, {name}")
    for file in inventory.by_suffix.get(".jsonl", ()):
        if file.name != "metadata.jsonl":
            continue
        found = f"a table of file names, {inventory.name(file)}"
        if b'"objects"' in head(file):
            yield Candidate("detection", "image_folder", found)
        elif b'"label"' in head(file):
            yield Candidate("classification", "image_folder", found)


def _saved(inventory: Inventory) -> Iterator[Candidate]:
    """Look for what ``save_to_disk`` of ``datasets`` wrote; the features of its columns tell the task."""
    if not is_saved(inventory.root):
        return
    files = [file for file in inventory.by_suffix.get(".json", ()) if file.name == "dataset_info.json"]
    columns = _features(files[0]) if files else {}
    labels = {name: feature for name, feature in columns.items() if name not in _IMAGES}
    found = f"a data set saved by datasets with {', '.join(columns)}"
    if "objects" in labels:
        yield Candidate("detection", None, found)
    elif any(isinstance(each, dict) and each.get("_type") in _OF_MASKS for each in labels.values()):
        yield Candidate("segmentation", None, found)
    elif labels:
        yield Candidate("classification", None, found)


def _features(file: Path) -> dict[str, Any]:
    try:
        features = json.loads(file.read_bytes()).get("features")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{file}: not what save_to_disk of datasets writes ({error}); save it anew"
        ) from error
    return features if isinstance(features, dict) else {}


def _parquet(inventory: Inventory) -> Iterator[Candidate]:
    files = inventory.by_suffix.get(".parquet", ())
    if not files:
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(files[0])
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{files[0]}: not a whole Parquet file ({error})") from error
    found = f"{_counted(len(files), 'Parquet file')} with {', '.join(schema.names)}"
    labels = [column for column in schema if column.name not in _IMAGES]
    if "objects" in schema.names:
        yield Candidate("detection", "parquet", found)
    elif any(pa.types.is_struct(column.type) or pa.types.is_binary(column.type) for column in labels):
        yield Candidate("segmentation", "parquet", found)
    else:
        yield Candidate("classification", "parquet", found)


def _masks(inventory: Inventory) -> Iterator[Candidate]:
    masks = find_masks(inventory)
    if masks is not None:
        found = f"{_counted(len(masks.files), 'mask')} such as {inventory.name(masks.files[0])}"
        yield Candidate("segmentation", "masks", found, masks=masks)


def _class_folders(inventory: Inventory) -> Iterator[Candidate]:
    """Look for folders of images, in those of the splits where train is one of them."""
    places = [file.relative_to(inventory.root).parts[:-1] for file in inventory.images]
    splits = {folder: split_of(folder) for folder in {parts[0] for parts in places if parts}}
    if "train" in splits.values():
        places = [parts[1:] for parts in places if parts and splits[parts[0]]]
    names = {parts[0] for parts in places if parts}
    if len(names) > 1 and not all(map(split_of, names)) and not names & set(IMAGE_FOLDERS):
        shown = ", ".join(sorted(names)[:3])
        yield Candidate("classification", "class_folders", f"{len(names):,} class folders such as {shown}")
