"""Where the files of a COCO data set lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.detect import coco_files
from kubepresso.data.formats.naming import (
    SPLIT_ALIASES,
    canonical_split,
    list_images,
    match_name,
    relative,
    split_path,
)
from kubepresso.data.formats.places import IMAGE_FOLDERS
from kubepresso.errors import UserError

_TRIED = 20


class Listed(NamedTuple):
    """The images of a split that are there.

    Args:
        folder: Where they lie.
        prefix: Its name inside the source, with a slash at its end, or empty.
        rows: Rows of the table of images, in order.
        names: Their paths below the folder, in the same order.
    """

    folder: Path
    prefix: str
    rows: list[int]
    names: list[str]


def split_files(data: DataConfig, root: Path, wanted: Callable[[str], bool]) -> dict[str, Path]:
    """Return the JSON file of each split: those that ``data.path.<split>.label`` names, else those found.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        wanted: Says by its name whether a file is of the kind that is read; if none is, all are.

    Raises:
        UserError: There is none, a file that is named is not there, or two are of one split.
    """
    named = {split: root / label for split in SPLIT_ALIASES if (label := split_path(data, split, "label"))}
    absent = [
        f"data.path.{split}.label: {file} is not a file; name it relative to data.path.root"
        for split, file in named.items()
        if not file.is_file()
    ]
    if absent:
        raise UserError(absent)
    if named:
        return named
    files = coco_files(data, root) or _only_files(root)
    files = [file for file in files if wanted(file.name.lower())] or files
    found: dict[str, Path] = {}
    for file in files:
        split = _split_of(file, root)
        if split in found:
            raise UserError(
                f"{found[split]} and {file}: both could be the {split} split; name one in "
                f"data.path.{split}.label"
            )
        found[split] = file
    if not found:
        raise UserError(
            f"{root}: no COCO file found; expected annotations/instances_train.json or "
            "train/_annotations.coco.json, or name it in data.path.train.label"
        )
    return found


def _only_files(root: Path) -> list[Path]:
    """Return the JSON of the root, or else of each split's folder, where it is the only one there."""
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and canonical_split(entry.name))
    for places in ([root], folders):
        files = [found[0] for place in places if len(found := list(place.glob("*.json"))) == 1]
        if files:
            return files
    return []


def _split_of(file: Path, root: Path) -> str:
    parts = [*re.split(r"[^a-z]+", file.stem.lower()), *reversed(file.relative_to(root).parent.parts)]
    return next((split for part in parts if (split := canonical_split(part))), "train")


def list_splits(
    data: DataConfig,
    root: Path,
    files: Mapping[str, Path],
    names: Mapping[str, list[str]],
    findings: Findings,
) -> dict[str, Listed]:
    """Find the image files that the tables of each split name.

    A name without a file, and a file without a name in any split, is a finding ``missing_labels``.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        files: The JSON file by split.
        names: ``file_name`` of each image, by split.
        findings: Receives what has no partner.

    Raises:
        UserError: None of a split's images is there.
    """
    folders = {split: _image_folder(data, root, split, file, names[split]) for split, file in files.items()}
    present = {
        folder: {relative(file, folder) for file in list_images(folder, root, data, findings)}
        for folder in set(folders.values())
    }
    listed = {
        split: _existing(data, root, files[split], folder, names[split], present[folder], findings)
        for split, folder in folders.items()
    }
    for folder, there in present.items():
        known = {name for split in listed.values() if split.folder == folder for name in split.names}
        nested = [other for other in present if other != folder and other.is_relative_to(folder)]
        for name in sorted(there - known):
            if not any((folder / name).is_relative_to(other) for other in nested):
                message = "no COCO file of the data set names this image"
                findings.add("missing_labels", relative(folder / name, root), message)
    return listed


def _existing(
    data: DataConfig,
    root: Path,
    file: Path,
    folder: Path,
    names: list[str],
    present: set[str],
    findings: Findings,
) -> Listed:
    pattern = data.path.pattern.image if data.path is not None else None
    prefix = "" if folder == root else relative(folder, root) + "/"
    listed = Listed(folder, prefix, [], [])
    seen: set[str] = set()
    for row, name in enumerate(names):
        path = PurePosixPath(name)
        if pattern and not match_name(pattern, folder / path, folder):
            continue
        if path.as_posix() not in present or path.as_posix() in seen:
            what = "named twice" if path.as_posix() in seen else f"not an image in {folder.name}"
            findings.add("missing_labels", relative(file, root), f"image {name!r} is {what}")
            continue
        seen.add(path.as_posix())
        listed.rows.append(row)
        listed.names.append(path.as_posix())
    return listed


def _image_folder(data: DataConfig, root: Path, split: str, file: Path, names: list[str]) -> Path:
    given = split_path(data, split, "image")
    candidates = [root / given] if given else list(dict.fromkeys(_candidates(root, split, file)))
    for folder in candidates:
        if folder.is_dir() and any((folder / name).is_file() for name in _tried(names)):
            return folder
    looked = ", ".join(str(folder) for folder in candidates if folder.is_dir())
    raise UserError(
        f"{file}: its images ({', '.join(names[:2])}, ...) are not in {looked or 'any folder'}; name their "
        f"folder in data.path.{split}.image"
    )


def _tried(names: list[str]) -> Iterable[str]:
    step = max(len(names) // _TRIED, 1)
    return (name for name in names[::step] if name and ".." not in name and "\0" not in name)


def _candidates(root: Path, split: str, file: Path) -> Iterator[Path]:
    yield file.parent
    tokens = [token for token in re.split(r"[_.]", file.stem) if canonical_split(token)]
    for base in (root, *(root / name for name in IMAGE_FOLDERS)):
        for token in (*tokens, *SPLIT_ALIASES[split]):
            yield base / token
            yield from (base / token / name for name in IMAGE_FOLDERS)
    yield from (parent / name for parent in (file.parent, root) for name in IMAGE_FOLDERS)
    yield from (parent / "data" for parent in (file.parent, root))  # as FiftyOne writes
    yield root
