"""The splits that a YOLO data set describes: in ``data.yaml``, or in lists of images."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubepresso.data.findings import Findings
from kubepresso.data.formats.naming import IMAGE_SUFFIXES, SPLIT_ALIASES, canonical_split, relative
from kubepresso.data.formats.pairing import Folders
from kubepresso.data.formats.places import IMAGE_FOLDERS, first_folder, labels_beside
from kubepresso.data.formats.yolo_names import Description
from kubepresso.errors import UserError

_DEEPEST = 64
_FIX = "correct it, or name the folders of the splits in data.path.train.image and data.path.valid.image"
_HOLD_OUT = "or take the line out, and a tenth of train is held out"


def described_folders(
    root: Path, described: Description | None, label_folders: Sequence[str], findings: Findings
) -> dict[str, list[Folders]] | None:
    """Return the folders of each split as ``data.yaml`` names them, else as ``train.txt`` at the root does.

    ``train``, ``val`` and ``test`` name a folder, a list of images, or several of these.

    Args:
        root: The source's root.
        described: Its ``data.yaml``.
        label_folders: Names for the folder of labels.
        findings: Receives images of lists, and a ``test``, that are not there.

    Returns:
        None where no training split is described.

    Raises:
        UserError: What ``train`` or ``val`` names is not there.
    """
    file, content = described or (root / "train.txt", {})
    named = _named(content) or _lists_in(root)
    base = content.get("path")
    found: dict[str, list[Folders]] = {}
    problems = []
    for key, place in named:
        split, at = canonical_split(key), _place_of(root, base, place)
        if split and at is not None:
            found.setdefault(split, []).extend(_folders_at(at, root, label_folders, findings))
        elif split == "test":  # often described, and not part of what is downloaded
            findings.add("missing_labels", relative(file, root), f"{key}: {place!r} is not there")
        else:
            fix = f"{_FIX}, {_HOLD_OUT}" if split == "valid" else _FIX
            problems.append(f"{file}: {key}: {place!r} is not there; {fix}")
    if problems:
        raise UserError(problems)
    return found or None


def _named(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the keys that name splits with each place; none where train is not among them."""
    found = []
    for key in (alias for aliases in SPLIT_ALIASES.values() for alias in aliases):
        value = content.get(key)
        places = value if isinstance(value, list) else [value]
        found += [(key, place) for place in places if isinstance(place, str) and place]
    return found if any(canonical_split(key) == "train" for key, _ in found) else []


def _lists_in(root: Path) -> list[tuple[str, str]]:
    aliases = [alias for names in SPLIT_ALIASES.values() for alias in names]
    found = [(alias, f"{alias}.txt") for alias in aliases if _is_list(root / f"{alias}.txt", root)]
    return found if any(canonical_split(key) == "train" for key, _ in found) else []


def _place_of(root: Path, base: Any, place: str) -> Path | None:
    """Return what ``place`` names: below ``path`` of the description where that is there, else by its end."""
    below = _below(root, f"{base}/{place}") if isinstance(base, str) else None
    return below or _below(root, place)


def _is_list(file: Path, root: Path) -> bool:
    if not file.is_file():
        return False
    lines = _lines(file)
    return any(_is_image(_below(root, line)) for _, line in lines[:1])


def _is_image(file: Path | None) -> bool:
    return file is not None and file.suffix.lower() in IMAGE_SUFFIXES


def _below(root: Path, place: str) -> Path | None:
    """Return the longest end of a path that is there below the root: it may be one of another machine.

    What names a split is not cut off while nothing behind it does: ``../test/images`` is not ``images``.
    """
    parts = [part for part in re.split(r"[\\/]", place) if part not in ("", ".", "..") and part[-1] != ":"]
    parts = parts[-_DEEPEST:]  # a name of thousands of parts would take seconds
    for start in range(len(parts) + 1):
        if start and canonical_split(parts[start - 1]) and not any(map(canonical_split, parts[start:])):
            return None
        candidate = root.joinpath(*parts[start:])
        if (start < len(parts) or not parts) and os.path.exists(candidate):  # pathlib's refuses odd names
            return candidate
    return None


def _folders_at(at: Path, root: Path, label_folders: Sequence[str], findings: Findings) -> list[Folders]:
    if at.is_dir():
        images = first_folder(at, IMAGE_FOLDERS) or at
        return [Folders(images, labels_beside(images, label_folders))]
    names: dict[Path, set[str]] = {}
    for place, line in _lines(at):
        image = _below(at.parent, line) or _below(root, line)
        if image is not None and _is_image(image):
            names.setdefault(image.parent, set()).add(image.stem)
        else:
            findings.add("missing_labels", f"{relative(at, root)}:{place}", f"{line!r} is not there")
    return [
        Folders(folder, labels_beside(folder, label_folders), frozenset(stems))
        for folder, stems in names.items()
    ]


def _lines(file: Path) -> list[tuple[int, str]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as UTF-8 ({error}); {_FIX}") from error
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
