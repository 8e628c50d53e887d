"""What is said of a folder in which no labels are found: what was seen there, and what each task needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from kubepresso.data.formats.masks import LABEL_FOLDERS
from kubepresso.data.formats.naming import split_of
from kubepresso.data.formats.places import IMAGE_FOLDERS
from kubepresso.errors import UserError
from kubepresso.scaffold.inventory import Inventory, head

_NEEDED = (
    "needed are class folders, a CSV table of image_id and class, metadata.csv, Parquet, what datasets "
    "saved, XML, YOLO or COCO boxes, masks, or keypoints"
)
_TABLES_SHOWN = 3
_LINE_SHOWN = 60


def no_labels(place: str, inventory: Inventory) -> UserError:
    """Return the error for a folder without labels.

    Args:
        place: The folder, as it was given.
        inventory: Its files.
    """
    count = len(inventory.images)
    seen = f"{count:,} image{'s' * (count != 1)}" if count else f"no image, but {_kinds(inventory)}"
    return UserError("\n  ".join([f"{place}: no labels found; {_NEEDED}; found {seen}", *_hints(inventory)]))


def _kinds(inventory: Inventory) -> str:
    counts = Counter({suffix or "no suffix": len(files) for suffix, files in inventory.by_suffix.items()})
    return ", ".join(f"{count:,} with {suffix}" for suffix, count in counts.most_common(5))


def _hints(inventory: Inventory) -> Iterator[str]:
    folders = sorted({file.relative_to(inventory.root).parts[0] for file in inventory.images})
    folders = [name for name in folders if (inventory.root / name).is_dir()]
    splits = {split for name in folders if (split := split_of(name))}
    if splits and "train" not in splits:
        names = ", ".join(folders)
        yield f"folders of {' and '.join(sorted(splits))}, none of train: {names}; call one train"
    elif len(folders) == 1 and not splits and folders[0] not in IMAGE_FOLDERS:
        yield f"one folder of images, {folders[0]}; classes are two folders or more"
    elif len(classes := _folders_in_train(inventory)) == 1:
        yield f"one folder of images in train, {classes.pop()}; classes are two folders or more"
    yield from _unread_text(inventory)
    yield from _jpeg_masks(inventory, folders)
    for table in inventory.by_suffix.get(".csv", [])[:_TABLES_SHOWN]:
        columns = head(table).decode("utf-8-sig", "replace").split("\n", 1)[0].strip()
        needed = "needed are image_id,class, with a comma between"
        yield f"{inventory.name(table)} has the columns {columns[:200]}; {needed}"
    for table in inventory.by_suffix.get(".jsonl", [])[:_TABLES_SHOWN]:
        yield f"{inventory.name(table)}: needed is metadata.jsonl with file_name and label, or objects"


def _unread_text(inventory: Inventory) -> Iterator[str]:
    """Show the first line of a text file that has the name of an image."""
    for file in inventory.called_as_images(".txt"):
        for number, line in enumerate(head(file).decode("utf-8", "replace").split("\n"), 1):
            if line.strip():
                shown = line.strip()[:_LINE_SHOWN]
                yield f"{inventory.name(file)}:{number}: {shown!r} is not made of numbers with spaces between"
                return


def _jpeg_masks(inventory: Inventory, folders: Sequence[str]) -> Iterator[str]:
    for folder in (name for name in folders if name in LABEL_FOLDERS):
        files = [file for file in inventory.images if file.relative_to(inventory.root).parts[0] == folder]
        if all(file.suffix.lower() in (".jpg", ".jpeg") for file in files):
            yield f"{folder} holds JPEG files: JPEG changes the values of masks; make them anew as PNG"


def _folders_in_train(inventory: Inventory) -> set[str]:
    places = (file.relative_to(inventory.root).parts for file in inventory.images)
    return {parts[1] for parts in places if len(parts) > 2 and split_of(parts[0]) == "train"}
