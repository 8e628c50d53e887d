"""Names that formats share: splits, image files, classes."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from kubepresso.config.data import DataConfig
from kubepresso.config.explain import suggest
from kubepresso.data.findings import Findings
from kubepresso.errors import UserError

SPLIT_ALIASES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing", "eval"),
}
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dng", ".webp", ".mpo", ".gif"}
)
_COMPANION_SUFFIXES = frozenset({".csv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".txt"})

_SHOWN_CLASSES = 10
NO_MATCH = "does not match data.path.pattern"
"""How the finding of a file begins that the pattern leaves out."""


def canonical_split(name: str) -> str | None:
    """Return train, valid or test for a name such as ``validation`` or ``train-00000``, else None."""
    token = re.split(r"[^a-z]", name.lower(), maxsplit=1)[0]
    return next((split for split, aliases in SPLIT_ALIASES.items() if token in aliases), None)


def split_of(folder: str) -> str | None:
    """Return the split that a folder is by its whole name, None where it is none."""
    return next((split for split, aliases in SPLIT_ALIASES.items() if folder.lower() in aliases), None)


def is_hidden(name: str) -> bool:
    """Tell the name of a file or folder that is no part of the data: hidden, or an archiver's own."""
    return name.startswith(".") or name == "__MACOSX"


def split_folders(data: DataConfig, root: Path) -> dict[str, Path]:
    """Return the folder of each split.

    ``data.path.<split>.image`` where given; else folders of the root that are named as splits, of which an
    empty one is none but train; else the root itself is train.

    Raises:
        UserError: A folder that is named does not exist.
    """
    folders = named_places(data, root)
    if folders:
        missing = [
            f"data.path.{name}.image: {folder} is not a folder; name it relative to data.path.root"
            for name, folder in folders.items()
            if not folder.is_dir()
        ]
        if missing:
            raise UserError(missing)
        return folders
    found: dict[str, Path] = {}
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir()):
        name = split_of(folder.name)
        if name and (name == "train" or holds_files(folder)):
            found.setdefault(name, folder)
    return found if "train" in found else {"train": root}


def named_places(data: DataConfig, root: Path) -> dict[str, Path]:
    """Return the places that ``data.path.<split>.image`` names, by split; there may be nothing at them."""
    given = {name: split_path(data, name, "image") for name in SPLIT_ALIASES}
    return {name: root / path for name, path in given.items() if path}


def split_path(data: DataConfig, split: str, key: str) -> str | None:
    """Return ``data.path.<split>.<key>``, key image or label; None where absent."""
    entry = getattr(data.path, split) if data.path is not None else None
    return getattr(entry, key, None) or None


def list_images(folder: Path, root: Path, data: DataConfig, findings: Findings) -> list[Path]:
    """Return all image files below a folder in sorted order; what is left out is reported as unused."""
    pattern = data.path.pattern.image if data.path is not None else None
    images = []
    for file in list_files(folder):
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            if file.suffix.lower() not in _COMPANION_SUFFIXES:
                findings.add("unused_files", relative(file, root), "not an image by its suffix")
        elif pattern and not match_name(pattern, file, folder):
            findings.add("unused_files", relative(file, root), f"{NO_MATCH}.image")
        else:
            images.append(file)
    return images


def list_files(folder: Path) -> list[Path]:
    """Return all files below a folder in sorted order, but for hidden ones."""
    return sorted(_visible_files(folder))


def holds_files(folder: Path) -> bool:
    """Say whether there is any file below a folder, but for hidden ones."""
    return next(_visible_files(folder), None) is not None


def match_name(pattern: str, file: Path, folder: Path) -> re.Match[str] | None:
    """Search for ``data.path.pattern`` in a file's name; if it has a slash, in its path below ``folder``."""
    return re.search(pattern, relative(file, folder) if "/" in pattern else file.name)


def _visible_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not is_hidden(name)]
        paths = (Path(parent, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def _refuse(error: OSError) -> None:
    raise UserError(
        f"{error.filename}: cannot be read ({error.strerror}); check its mode and owner"
    ) from error


def relative(file: Path, root: Path) -> str:
    """Return a file's name inside the source."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def mapped_classes(data: DataConfig, root: Path, *, repeats: bool = False) -> list[str] | None:
    """Return the class names of ``data.id_mapping``, None where it is absent.

    A list holds the names in label order; a dictionary maps index to name; a string names a JSON file,
    relative to the root, with either.

    Args:
        data: The configuration.
        root: Where the data set lies.
        repeats: Whether classes may share a name, as two of ImageNet's do: where labels are indexes.

    Raises:
        UserError: The file cannot be read, its indexes are not 0 to n - 1, or a name stands there twice.
    """
    return named_classes(read_mapping(data, root), repeats=repeats)


def named_classes(mapping: Any, *, repeats: bool = False) -> list[str] | None:
    """Return the class names of what `read_mapping` returned; see `mapped_classes`."""
    if mapping is None:
        return None
    names = _ordered(mapping) if isinstance(mapping, dict) else [str(name) for name in mapping]
    if not repeats or not names:
        check_distinct(names)
    return names


def check_distinct(names: Collection[str]) -> None:
    """Check the names of ``data.id_mapping``.

    Raises:
        UserError: There is none, or one stands there twice.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or not names:
        found = f"found twice: {', '.join(twice[:8])}" if twice else "found none"
        raise UserError(f"data.id_mapping: needs at least one name and each name once, {found}")


def told_apart(names: Iterable[str]) -> list[str]:
    """Return the names, a repeated one with a number: crane, crane (2)."""
    given = list(names)
    taken, result = set(given), []
    seen: set[str] = set()
    for name in given:
        if name in seen:
            free = (f"{name} ({number})" for number in itertools.count(2))
            name = next(one for one in free if one not in taken)
            taken.add(name)
        seen.add(name)
        result.append(name)
    return result


def read_mapping(data: DataConfig, root: Path) -> Any:
    """Return ``data.id_mapping``, or what the JSON file that it names holds.

    Raises:
        UserError: The file cannot be read, or holds neither a list nor an object.
    """
    mapping = data.id_mapping
    if not isinstance(mapping, str):
        return mapping
    try:
        content = json.loads((root / mapping).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"data.id_mapping: cannot read {root / mapping} ({error})") from error
    if not isinstance(content, list | dict):
        raise UserError(f"data.id_mapping: {root / mapping} holds neither a list nor an object of names")
    return content


def _ordered(mapping: dict[Any, Any]) -> list[str]:
    try:
        by_index = {int(index): str(name) for index, name in mapping.items()}
    except ValueError:
        by_index = {}
    if sorted(by_index) != list(range(len(mapping))):
        found = ", ".join(map(str, mapping))
        raise UserError(f"data.id_mapping: keys must be the indexes 0 to {len(mapping) - 1}, got {found}")
    return [by_index[index] for index in range(len(by_index))]


def classes_of_values(values: Iterable[int | str], place: str) -> list[str]:
    """Return class names where nothing names them: the sorted names, or the indexes written out.

    Raises:
        UserError: Indexes leave a gap, so the number of classes cannot be known.
    """
    distinct = set(values)
    if not all(isinstance(value, int) for value in distinct):
        return sorted(map(str, distinct))
    indexes = sorted(int(value) for value in distinct)
    if indexes != list(range(len(indexes))):
        raise UserError(
            f"{place}: the class indexes found ({_abridged(indexes)}) are not 0 to {len(indexes) - 1}; "
            "name the classes in data.id_mapping"
        )
    return [str(index) for index in indexes]


def _abridged(indexes: list[int]) -> str:
    shown = ", ".join(map(str, indexes[:12]))
    return shown if len(indexes) <= 12 else f"{shown}, ... {indexes[-1]}"


def no_such_class(name: Any, classes: Collection[str]) -> str:
    """Say that a class is none of those that are named, which these are, and which one was likely meant."""
    shown = ", ".join(itertools.islice(classes, _SHOWN_CLASSES))
    more = ", ..." if len(classes) > _SHOWN_CLASSES else ""
    return f"class {name!r} is not one of the {len(classes)} classes ({shown}{more}){suggest(name, classes)}"
