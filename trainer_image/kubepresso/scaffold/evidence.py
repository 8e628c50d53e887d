"""What lies in a folder: candidates for task and layout, from names, a few labels and a few image headers."""

from __future__ import annotations

import itertools
import mmap
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from PIL import Image

from kubepresso.config.base import Task
from kubepresso.data.formats.naming import IMAGE_SUFFIXES, canonical_split
from kubepresso.errors import UserError

#: Files of one kind that are opened, spread over all of them.
_LOOKED_AT = 12
_HEAD = 1 << 16
MASK_WORDS = re.compile(r"mask|label|annot|segm|ground|gt|semantic", re.IGNORECASE)
MASK_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".gif"})
Item = TypeVar("Item")
_NUMBERS = re.compile(r"[-+.\deE]+(\s+[-+.\deE]+)*")


@dataclass(frozen=True)
class Candidate:
    """A way to read a data set.

    Args:
        task: ``data.task``.
        layout: ``data.layout``.
        found: What speaks for it, for a person.
        points: Keypoints of an instance, where the layout does not name them.
        on_request: Whether it counts only where its task is asked for: the same labels speak for another one.
    """

    task: Task
    layout: str
    found: str
    points: int = 0
    on_request: bool = False


@dataclass
class Inventory:
    """The files below a folder, by kind.

    Args:
        root: The folder.
        by_suffix: Files by lower-case suffix, sorted; hidden ones and folders are left out.
    """

    root: Path
    by_suffix: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def images(self) -> list[Path]:
        """All image files."""
        return [file for suffix in sorted(IMAGE_SUFFIXES) for file in self.by_suffix.get(suffix, ())]

    def some(self, suffix: str) -> list[Path]:
        """Return a few files with a suffix, spread over all of them."""
        return spread(self.by_suffix.get(suffix, []), _LOOKED_AT)

    def count(self, suffix: str) -> int:
        """Return how many files have a suffix."""
        return len(self.by_suffix.get(suffix, ()))

    def name(self, path: Path) -> str:
        """Return a path below the root."""
        return path.relative_to(self.root).as_posix()


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many items, evenly spread."""
    step = max(len(items) / most, 1.0)
    return [items[int(index * step)] for index in range(min(most, len(items)))]


def take_inventory(root: Path) -> Inventory:
    """List the files below a folder.

    Raises:
        UserError: It cannot be read, or there is no file in it.
    """
    inventory = Inventory(root)
    for parent, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                path = Path(parent, name)
                inventory.by_suffix.setdefault(path.suffix.lower(), []).append(path)
    if not inventory.by_suffix:
        raise UserError(f"{root}: an empty folder; give the folder that holds images and labels")
    return inventory


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error


def candidates(inventory: Inventory) -> list[Candidate]:
    """Return every way in which the files can be read; class folders only where nothing else is there."""
    looks: tuple[Callable[[Inventory], Iterator[Candidate]], ...] = (
        _parquet,
        _xml,
        _text,
        _json,
        _tables,
        _masks,
    )
    found = list(itertools.chain.from_iterable(look(inventory) for look in looks))
    found.sort(key=lambda candidate: candidate.on_request)
    unique = {(candidate.task, candidate.layout): candidate for candidate in reversed(found)}
    return list(reversed(unique.values())) or list(_class_folders(inventory))


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return b""


def _xml(inventory: Inventory) -> Iterator[Candidate]:
    with_boxes = [file for file in inventory.some(".xml") if b"<annotation" in _head(file)]
    if any(b"<bndbox" in _head(file) for file in with_boxes):
        where = inventory.name(with_boxes[0].parent)
        yield Candidate("detection", "voc", f"{inventory.count('.xml'):,} XML files with boxes in {where}")


def _text(inventory: Inventory) -> Iterator[Candidate]:
    stems = {file.stem for file in inventory.images}
    labels = [file for file in inventory.by_suffix.get(".txt", ()) if file.stem in stems]
    widths = {width for file in spread(labels, 4 * _LOOKED_AT) for width in _line_widths(file)}
    if not widths:
        return
    where = inventory.name(labels[0].parent)
    found = f"{len(labels):,} text files in {where} with {_listed(widths)} numbers a line"
    if widths == {5}:
        yield Candidate("detection", "yolo", found)
    elif len(widths) == 1 and (min(widths) - 4) % 3 == 0 and min(widths) > 4:
        yield Candidate("pose_estimation", "keypoints_txt", found, (min(widths) - 4) // 3)
    else:
        raise UserError(
            f"{inventory.root}: {found}; allowed are 5 (class and box) for detection, and 3 a keypoint and "
            "4 of a box for poses, the same in each line"
        )


def _listed(numbers: set[int]) -> str:
    return " or ".join(map(str, sorted(numbers)[:4]))


def _line_widths(file: Path) -> Iterator[int]:
    for line in _head(file).decode("utf-8", "replace").splitlines()[:8]:
        if _NUMBERS.fullmatch(line.strip()):
            yield len(line.split())


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


def _present(file: Path, keys: Sequence[bytes]) -> set[bytes]:
    """Return which keys occur in a JSON file, without reading it into memory."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return {key for key in keys if content.find(b'"' + key + b'"') >= 0}
    except (OSError, ValueError):  # unreadable, or empty
        return set()


def _tables(inventory: Inventory) -> Iterator[Candidate]:
    for file in inventory.by_suffix.get(".csv", ()):
        first = _head(file).decode("utf-8-sig", "replace").splitlines()[:1]
        columns = {name.strip().strip('"') for name in ",".join(first).split(",")}
        name = inventory.name(file)
        if {"image_id", "class"} <= columns:
            yield Candidate("classification", "csv_labels", f"a table of image_id and class, {name}")
        elif "file_name" in columns and file.name == "metadata.csv":
            yield Candidate("classification", "image_folder", f"a table of file names, {name}")
    for file in inventory.by_suffix.get(".jsonl", ()):
        if file.name == "metadata.jsonl" and b'"file_name"' in _head(file):
            task: Task = "detection" if b'"objects"' in _head(file) else "classification"
            yield Candidate(task, "image_folder", f"a table of file names, {inventory.name(file)}")


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
    found = f"{len(files):,} Parquet file{'s' * (len(files) != 1)} with {', '.join(schema.names)}"
    labels = [column for column in schema if column.name not in ("image", "img")]
    if "objects" in schema.names:
        yield Candidate("detection", "parquet", found)
    elif any(pa.types.is_struct(column.type) or pa.types.is_binary(column.type) for column in labels):
        yield Candidate("segmentation", "parquet", found)
    else:
        yield Candidate("classification", "parquet", found)


def _masks(inventory: Inventory) -> Iterator[Candidate]:
    """Look for folders whose images are named as those of another folder, and are masks by name or mode."""
    folders: dict[Path, list[Path]] = {}
    for file in inventory.images:
        folders.setdefault(file.parent, []).append(file)
    stems = {folder: {file.stem for file in files} for folder, files in folders.items()}
    for folder, files in sorted(folders.items()):
        if not {file.suffix.lower() for file in files} <= MASK_SUFFIXES:
            continue
        names = inventory.name(folder)
        if MASK_WORDS.search(names) is None or not _are_masks(files):
            continue
        pictures = set().union(*(stems[other] for other in folders if other != folder))
        paired = sum(any(stem in pictures for stem in _image_stems(name)) for name in stems[folder])
        if paired > 0.5 * len(files):
            total = sum(len(f) for d, f in folders.items() if MASK_WORDS.search(inventory.name(d)))
            yield Candidate("segmentation", "masks", f"{total:,} masks such as {inventory.name(files[0])}")
            return


def _image_stems(stem: str) -> Iterator[str]:
    """Yield the stems that an image of a mask may have: the same, or without an ending such as ``_mask``."""
    yield stem
    for separator in "_-.":
        if separator in stem:
            yield stem.rpartition(separator)[0]


def _are_masks(files: Sequence[Path]) -> bool:
    """Tell whether images can be masks: not one of them is lossy, and each has few colours by its mode."""
    modes = set()
    for file in spread(files, _LOOKED_AT):
        try:
            with Image.open(file) as image:
                modes.add(image.mode)
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
    return bool(modes)


def _class_folders(inventory: Inventory) -> Iterator[Candidate]:
    split_folders: dict[str, set[str]] = {}
    for file in inventory.images:
        parts = file.relative_to(inventory.root).parts[:-1]
        within = "/".join(parts[:1]) if parts and canonical_split(parts[0]) and len(parts) > 1 else ""
        rest = parts[1:] if within else parts
        if rest:
            split_folders.setdefault(within, set()).add(rest[0])
    names = set().union(*split_folders.values()) if split_folders else set()
    if len(names) > 1:
        shown = ", ".join(sorted(names)[:3])
        yield Candidate("classification", "class_folders", f"{len(names):,} class folders such as {shown}")
