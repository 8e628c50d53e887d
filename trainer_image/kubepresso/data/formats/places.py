"""Where images and labels of each split lie, by the configuration or by common names of folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.formats.naming import (
    SPLIT_ALIASES,
    canonical_split,
    holds_files,
    named_places,
    split_folders,
    split_path,
)
from kubepresso.data.formats.pairing import Folders
from kubepresso.errors import UserError

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "leftImg8bit")


def paired_folders(data: DataConfig, root: Path, label_folders: Sequence[str]) -> dict[str, Folders]:
    """Return the folders of each split; the first of these that is there decides.

    1. ``data.path.<split>.image`` and ``.label``; a label that is not named lies in the folder beside the
       images (``images/train`` and ``labels/train``, ``train/images`` and ``train/labels``) or among them.
    2. ``images/train`` and ``labels/train``.
    3. ``train/images`` and ``train/labels``.
    4. ``images`` and ``labels``: train.
    5. ``train``, images and labels in it.
    6. The root itself: train.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        label_folders: Names for the folder of labels.

    Raises:
        UserError: A folder that is named does not exist.
    """
    if named_places(data, root):
        return _named(data, root, label_folders)
    images, labels = first_folder(root, IMAGE_FOLDERS), first_folder(root, label_folders)
    if images and labels:
        found = {split: Folders(folder, labels / folder.name) for split, folder in _splits_in(images)}
        labelled = "train" in found and found["train"].labels.is_dir()
        return found if labelled else {"train": Folders(images, labels)}
    return {
        split: Folders(
            first_folder(folder, IMAGE_FOLDERS) or folder, first_folder(folder, label_folders) or folder
        )
        for split, folder in split_folders(data, root).items()
    }


def _named(data: DataConfig, root: Path, label_folders: Sequence[str]) -> dict[str, Folders]:
    found, problems = {}, []
    for split, images in split_folders(data, root).items():
        given = split_path(data, split, "label")
        labels = root / given if given else labels_beside(images, label_folders)
        if not labels.is_dir():
            problems.append(
                f"data.path.{split}.label: {labels} is not a folder; name it relative to data.path.root"
            )
        found[split] = Folders(images, labels)
    if problems:
        raise UserError(problems)
    return found


def labels_beside(images: Path, label_folders: Sequence[str]) -> Path:
    """Put the name of a label folder where the path has one of an image folder; else they lie together."""
    parts = images.parts
    for index in range(len(parts) - 1, -1, -1):
        if parts[index] in IMAGE_FOLDERS:
            candidates = (Path(*parts[:index], name, *parts[index + 1 :]) for name in label_folders)
            return next((folder for folder in candidates if folder.is_dir()), images)
    return images


def first_folder(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first of the folders inside that is there."""
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _splits_in(folder: Path) -> Iterator[tuple[str, Path]]:
    seen = set()
    for entry in sorted(folder.iterdir()):
        split = canonical_split(entry.name) if entry.is_dir() else None
        if split in SPLIT_ALIASES and split not in seen and (split == "train" or holds_files(entry)):
            seen.add(split)
            yield split, entry
