"""From a folder to a survey: the format's own reader names samples and classes, image headers give sizes."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from kubepresso.config import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats import Source, SourceSplit, open_source
from kubepresso.data.formats.naming import canonical_split
from kubepresso.data.formats.source import FileSplit, RawSample, read_sample
from kubepresso.data.targets import LabelProblemError, Objects
from kubepresso.errors import UserError
from kubepresso.scaffold.dealing import geometry_of, remaining, unseen
from kubepresso.scaffold.evidence import Candidate
from kubepresso.scaffold.inventory import Inventory, spread
from kubepresso.scaffold.masks import describe_masks
from kubepresso.scaffold.survey import Survey

#: Images of a split whose headers are read, and whose labels are read to the end.
_IMAGES = 400
_ORIGIN = {
    None: "As the data set names them",
    "class_folders": "Named by their folders",
    "csv_labels": "As the table names them, in alphabetical order",
    "parquet": "As the files name them",
    "voc": "As the objects are named, in alphabetical order",
}
#: The first name that a format looks for.
_LABEL_FOLDER = {"masks": "masks", "keypoints_txt": "labels"}
_FOUND_SHOWN = ("corrupt_images", "invalid_labels", "missing_labels")
#: Of them, how many are told where no image can be used.
_REASONS = 3


def survey_source(candidate: Candidate, inventory: Inventory, root_name: str) -> Survey:
    """Open a data set as its steps will, and measure what a configuration depends on.

    Args:
        candidate: How to read it.
        inventory: Its files.
        root_name: ``data.path.root``, as it is to be written.

    Raises:
        UserError: It cannot be read in this way.
    """
    keys, notes, absent = _keys(candidate, inventory)
    findings = Findings()
    source = _open(candidate, keys, inventory.root, findings)
    keys["path"] |= _places(candidate, keys, source, inventory.root)
    keys["path"]["root"] = root_name
    if "id_mapping" not in keys:
        keys["id_mapping"] = _mapping(source)
        notes["id_mapping"] = _origin(candidate, source)
    sizes, sides = _measure(source, findings)
    if not sizes:
        raise _unusable(candidate, inventory, findings)
    dealt = remaining(candidate, source)
    return Survey(
        task=candidate.task,
        layout=candidate.layout,
        classes=source.classes,
        counts={split: len(source.splits[split]) for split in _order(source)},
        sizes=sizes,
        data=keys,
        keypoints=source.keypoints,
        held_out=dealt.held_out,
        held_out_counted=dealt.counted,
        unseen=unseen(candidate, source, dealt.seen) or absent,
        box_sides=sides,
        problems={check: list(map(str, findings.by_check.get(check, ()))) for check in _FOUND_SHOWN},
        notes=notes,
    )


def _unusable(candidate: Candidate, inventory: Inventory, findings: Findings) -> UserError:
    reasons = [str(found) for check in _FOUND_SHOWN for found in findings.by_check[check]]
    more = [f"and {len(reasons) - _REASONS:,} more of the kind"] if len(reasons) > _REASONS else []
    first = f"{inventory.root}: no image can be used; found {candidate.found}"
    if len(findings.by_check["missing_labels"]) == len(reasons) and candidate.layout in _LABEL_FOLDER:
        folder = _LABEL_FOLDER[candidate.layout]
        first += f"; labels are looked for in a folder {folder}, so call theirs {folder}"
    return UserError("\n  ".join([first, *reasons[:_REASONS], *more]))


def _keys(candidate: Candidate, inventory: Inventory) -> tuple[dict[str, Any], dict[str, str], Sequence[str]]:
    """Return the keys of ``data`` that the source needs to be read, their notes, and classes not seen."""
    notes: dict[str, str] = {}
    absent: Sequence[str] = ()
    keys: dict[str, Any] = {"path": {"root": str(inventory.root), **_tables(candidate, inventory)}}
    if candidate.masks is not None and candidate.masks.pattern is not None:
        keys["path"]["pattern"] = candidate.masks.pattern
        notes["path.pattern"] = f"The mask of an image has its name and {candidate.masks.ending}"
    if candidate.masks is not None:
        found = describe_masks(candidate.masks.files, inventory)
        keys |= found.data
        notes |= found.notes
        absent = found.absent
    if candidate.points:
        keys["id_mapping"] = [{"name": f"point_{index}", "swap": None} for index in range(candidate.points)]
        notes["id_mapping"] = (
            "In the order of the labels. Give them their names, and as swap the name of the point that each "
            "changes places with in a mirror"
        )
    return keys, notes, absent


def _origin(candidate: Candidate, source: Source) -> str:
    """Say where the names of the classes are from, or that there are none."""
    nameless = list(source.classes) == [str(index) for index in range(len(source.classes))]
    if nameless and candidate.layout != "class_folders":
        return "The labels are indexes without names. Give them their names; the order is that of the indexes"
    return _ORIGIN.get(candidate.layout, "In the order of the labels' indexes")


def _open(candidate: Candidate, keys: Mapping[str, Any], root: Path, findings: Findings) -> Source:
    data = {"task": candidate.task, "layout": candidate.layout, **keys}
    return open_source(DataConfig.model_validate(data), root, findings)


def _order(source: Source) -> list[str]:
    return [split for split in ("train", "valid", "test") if split in source.splits]


def _mapping(source: Source) -> list[Any]:
    """Return ``id_mapping``: names, or the keypoints with their partners."""
    if not source.keypoints:
        return list(source.classes)
    names = [point.name for point in source.keypoints]
    return [
        {"name": point.name, "swap": names[point.swap] if point.swap != index else None}
        for index, point in enumerate(source.keypoints)
    ]


def _places(
    candidate: Candidate, keys: Mapping[str, Any], source: Source, root: Path
) -> dict[str, dict[str, str]]:
    """Name the folders of each split, where that reads the same samples as finding them does."""
    if len(keys["path"]) > 1:
        return {}
    named: dict[str, dict[str, str]] = {}
    for split in _order(source):
        place = _place(candidate, source.splits[split])
        if place is None:
            return {}
        named[split] = place
    images = [place["image"] for place in named.values()]
    if len(set(images)) < len(images) or "." in images:
        return {}
    again = {"id_mapping": _mapping(source), **keys, "path": {**keys["path"], **named}}
    try:
        other = _open(candidate, again, root, Findings())
    except UserError:
        return {}
    same = list(other.classes) == list(source.classes) and all(
        split in other.splits and len(other.splits[split]) == len(source.splits[split])
        for split in source.splits
    )
    return named if same else {}


def _place(candidate: Candidate, split: SourceSplit) -> dict[str, str] | None:
    if not isinstance(split, FileSplit) or not split.files:
        return None
    images = [PurePosixPath(entry.path) for entry in split.files]
    if candidate.layout in ("class_folders", "image_folder"):
        first = images[0].parts[0]
        whole = all(len(path.parts) > 1 and path.parts[0] == first for path in images)
        return {"image": first} if whole and canonical_split(first) else None
    place = {"image": _common(images)}
    labels = [getattr(entry.label, "path", None) for entry in split.files]
    if all(isinstance(path, str) for path in labels):
        place["label"] = _common([PurePosixPath(str(path).partition(":")[0]) for path in labels])
    return place


def _common(paths: list[PurePosixPath]) -> str:
    return os.path.commonpath([str(path.parent) for path in paths]) or "."


def _measure(source: Source, findings: Findings) -> tuple[list[tuple[int, int]], list[float]]:
    """Return upright sizes, and for boxes the root of their area as a part of the longer side."""
    sizes: list[tuple[int, int]] = []
    sides: list[float] = []
    for sample in _some_samples(source):
        geometry = geometry_of(sample.image_bytes)
        if geometry is None:
            findings.add("corrupt_images", sample.path, sample.problem or "no image by its beginning")
            continue
        sizes.append((geometry.width, geometry.height))
        if sample.target is None:
            continue
        try:
            target = sample.target(geometry)
        except LabelProblemError as problem:
            findings.add("invalid_labels", problem.place or sample.path, str(problem))
            continue
        if isinstance(target, Objects) and len(target.boxes):
            spans = target.boxes[:, 2:] - target.boxes[:, :2]
            longer = max(geometry.width, geometry.height)
            sides += [float(side) for side in (spans[:, 0] * spans[:, 1]) ** 0.5 / longer]
    return sizes, sides


def _some_samples(source: Source) -> Iterator[RawSample]:
    """Yield samples of each split: spread over all of it where they are files, else the first ones."""
    for split in source.splits.values():
        if isinstance(split, FileSplit):
            yield from map(read_sample, spread(split.files, _IMAGES))
        else:
            yield from itertools.islice(iter(split), _IMAGES)


def _tables(candidate: Candidate, inventory: Inventory) -> dict[str, dict[str, str]]:
    """Name the tables of a data set with labels in CSV files, and the folder that holds their images."""
    if candidate.layout != "csv_labels":
        return {}
    folders = sorted({file.parent for file in inventory.images})
    found: dict[str, dict[str, str]] = {}
    for table in inventory.by_suffix[".csv"]:
        name = _first_name(table)
        split = next(filter(None, map(canonical_split, (table.stem, table.parent.name))), "train")
        holding = [folder for folder in folders if name and (folder / name).is_file()]
        holding.sort(key=lambda folder: canonical_split(folder.name) != split)
        if holding and split not in found:
            image = inventory.name(holding[0])
            found[split] = {"image": image, "label": inventory.name(table)}
    if "train" not in found:
        raise UserError(f"{inventory.root}: {candidate.found}, but no folder holds the images it names")
    return found


def _first_name(table: Path) -> str | None:
    unreadable = contextlib.suppress(OSError, csv.Error)
    try:
        with unreadable, table.open(newline="", encoding="utf-8-sig") as file:
            row = next(csv.DictReader(file), None)
            return (row.get("image_id") or "").strip() if row else None
    except UnicodeDecodeError as error:
        raise UserError(f"{table}: not UTF-8 (byte {error.start}); save it in this encoding") from error
    return None
