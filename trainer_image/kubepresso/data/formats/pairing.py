"""Images and label files paired by name, never by order."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.naming import IMAGE_SUFFIXES, NO_MATCH, list_files, match_name, relative
from kubepresso.data.formats.source import FileSplit, ImageFile, Label
from kubepresso.errors import UserError


class Folders(NamedTuple):
    """Where a split lies.

    Args:
        images: Folder of the images.
        labels: Folder of the labels; may be the same.
        names: The samples that belong to the split, as paths without suffix; None for all.
    """

    images: Path
    labels: Path
    names: frozenset[str] | None = None


class Pair(NamedTuple):
    """An image and its label."""

    image: Path
    label: Path


def pair_files(
    folders: Folders,
    root: Path,
    data: DataConfig,
    findings: Findings,
    is_label: Callable[[Path], bool],
    is_companion: Callable[[Path], bool] = lambda file: False,
) -> list[Pair]:
    """Pair each image with its label.

    They belong together when their paths below their folders, without suffix, are equal. Where
    ``data.path.pattern`` has groups, what these match takes the place of the name (of the whole path, if the
    pattern has a slash). Files without a partner are findings ``missing_labels``.

    Args:
        folders: Where to look.
        root: The source's root, for messages.
        data: The data module of the configuration.
        findings: Receives what has no partner.
        is_label: Whether a file is a label by its name.
        is_companion: Whether a label that no image has the name of is likely no label at all.

    Raises:
        UserError: Two files of the same kind have the same name.
    """
    pattern = data.path.pattern if data.path is not None else None
    image_pattern, label_pattern = (pattern.image, pattern.label) if pattern else (None, None)
    _check_groups(image_pattern, label_pattern)
    mixed = folders.images == folders.labels
    images = _by_key(
        filter(_is_image, list_files(folders.images)),
        folders.images,
        root,
        image_pattern,
        None if mixed and label_pattern else findings,
    )
    labels = _by_key(
        (file for file in _files_below(folders.labels) if is_label(file)),
        folders.labels,
        root,
        label_pattern,
        None if mixed and image_pattern else findings,
    )
    if folders.names is not None:
        _check_names(folders, images, root, findings)
        images = {key: file for key, file in images.items() if _stem(file, folders.images) in folders.names}
        labels = {key: file for key, file in labels.items() if _stem(file, folders.labels) in folders.names}
    for file in (file for key, file in images.items() if key not in labels):
        message = f"no label of this name in {relative(folders.labels, root)}"
        findings.add("missing_labels", relative(file, root), message)
    for file in (file for key, file in labels.items() if key not in images and not is_companion(file)):
        message = f"no image of this name in {relative(folders.images, root)}"
        findings.add("missing_labels", relative(file, root), message)
    return [Pair(file, labels[key]) for key, file in images.items() if key in labels]


def pair_splits(
    folders: Mapping[str, Sequence[Folders]],
    root: Path,
    data: DataConfig,
    findings: Findings,
    is_label: Callable[[Path], bool],
    is_companion: Callable[[Path], bool] = lambda file: False,
) -> dict[str, list[Pair]]:
    """Pair the files of each split; see `pair_files`.

    A split of images whose folder of labels is not there is none, unless it is train:
    its images are findings.

    Raises:
        UserError: Two files of the same kind have the same name, or there is no pair, and a pattern that
            matches no file.
    """
    pair = functools.partial(
        pair_files, root=root, data=data, findings=findings, is_label=is_label, is_companion=is_companion
    )
    pairs = {
        split: list(dict.fromkeys(chain.from_iterable(map(pair, places))))  # places may overlap
        for split, places in folders.items()
    }
    if not any(pairs.values()):
        _check_matches(list(chain.from_iterable(folders.values())), root, data, is_label)
    return {
        split: group
        for split, group in pairs.items()
        if split == "train" or any(place.labels.is_dir() for place in folders[split])
    }


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES


def _files_below(folder: Path) -> list[Path]:
    return list_files(folder) if folder.is_dir() else []  # a split may have images and no labels


def _by_key(
    files: Iterable[Path], folder: Path, root: Path, pattern: str | None, findings: Findings | None
) -> dict[Hashable, Path]:
    found: dict[Hashable, Path] = {}
    problems = []
    for file in files:
        match = match_name(pattern, file, folder) if pattern else None
        if pattern and match is None:
            if findings is not None:
                findings.add("unused_files", relative(file, root), NO_MATCH)
            continue
        key: Hashable = _stem(file, folder)
        if match is not None and match.re.groups:
            parent = "" if "/" in match.re.pattern else file.parent.relative_to(folder).as_posix()
            key = (parent, *(sorted(match.groupdict().items()) or match.groups()))
        if key in found:
            problems.append(
                f"{relative(found[key], root)} and {relative(file, root)}: two files for one name; remove "
                "one, or tell them apart with data.path.pattern"
            )
        found[key] = file
    if problems:
        raise UserError(problems)
    return found


def _check_groups(image: str | None, label: str | None) -> None:
    groups = [re.compile(pattern).groups if pattern else 0 for pattern in (image, label)]
    if all(groups) and groups[0] != groups[1]:
        raise UserError(
            f"data.path.pattern: image has {groups[0]} groups and label {groups[1]}; what the groups match "
            "must be equal for a pair, so write the same ones in both"
        )


def _check_matches(
    folders: Sequence[Folders], root: Path, data: DataConfig, is_label: Callable[[Path], bool]
) -> None:
    pattern = data.path.pattern if data.path is not None else None
    if pattern is None:
        return
    images = [
        (file, place.images) for place in folders for file in list_files(place.images) if _is_image(file)
    ]
    labels = [
        (file, place.labels) for place in folders for file in _files_below(place.labels) if is_label(file)
    ]
    problems = [
        f"data.path.pattern.{kind}: {expression!r} matches none of {len(files):,} files, such as "
        f"{relative(files[0][0], root)}"
        for kind, expression, files in (("image", pattern.image, images), ("label", pattern.label, labels))
        if expression and files and not any(match_name(expression, *file) for file in files)
    ]
    if problems:
        raise UserError(problems)


def _check_names(folders: Folders, images: dict[Hashable, Path], root: Path, findings: Findings) -> None:
    present = {_stem(file, folders.images) for file in images.values()}
    for name in sorted((folders.names or frozenset()) - present):
        message = f"the split names it, and there is no such image in {relative(folders.images, root)}"
        findings.add("missing_labels", name, message)


def _stem(file: Path, folder: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def paired_splits(
    pairs: Mapping[str, Sequence[Pair]], root: Path, make: Callable[[Path, str], Label]
) -> dict[str, FileSplit]:
    """Return the splits of pairs.

    Args:
        pairs: By split.
        root: The source's root.
        make: Makes the label of a file and of its name inside the source.
    """
    return {
        split: FileSplit(
            [
                ImageFile(image, relative(image, root), make(label, relative(label, root)))
                for image, label in group
            ]
        )
        for split, group in pairs.items()
    }
