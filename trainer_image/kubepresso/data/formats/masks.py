"""Semantic masks: an image of class indexes, or of colours, for each image."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kubepresso.config.data import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats.colours import ColourTable, colour_classes
from kubepresso.data.formats.mask_files import (
    MaskFile,
    check_values,
    decode_colours,
    read_mask,
    some_of,
    values_in,
)
from kubepresso.data.formats.naming import IMAGE_SUFFIXES, classes_of_values, mapped_classes, relative
from kubepresso.data.formats.pairing import Folders, pair_splits, paired_splits
from kubepresso.data.formats.places import paired_folders
from kubepresso.data.formats.registry import register
from kubepresso.data.formats.source import Source
from kubepresso.data.formats.voc_lists import devkit, listed_splits
from kubepresso.data.targets import IGNORE, LabelProblemError

LABEL_FOLDERS = ("masks", "mask", "labels", "annotations", "SegmentationClass", "gtFine", "gt")
_SHOWN = 8
_SUFFIXES = IMAGE_SUFFIXES - {".jpg", ".jpeg"}  # JPEG changes values


@register("masks")
class Masks:
    """``data.label_image_mode`` says what a mask's pixels are: L class indexes, RGB and P colours.

    255 is no class. Under L, and under P without colours in ``data.id_mapping``, a palette image gives its
    palette's indexes. A colour that ``data.id_mapping`` does not name is no class.
    """

    def open(self, data: DataConfig, root: Path, findings: Findings) -> Source:
        """Pair the files; see `registry.Format`."""
        folders = {split: [place] for split, place in mask_folders(data, root).items()}
        pairs = pair_splits(folders, root, data, findings, lambda file: file.suffix.lower() in _SUFFIXES)
        files = [pair.label for group in pairs.values() for pair in group]
        names, colours, known = mask_classes(data, root, files)
        if colours is not None:
            _report_unnamed(colours, some_of(files), root, findings)
        splits = paired_splits(pairs, root, lambda file, path: MaskFile(file, path, names, colours, known))
        return Source(names, splits)


def mask_folders(data: DataConfig, root: Path) -> dict[str, Folders]:
    """Return the folders of each split: named ones, those of a VOC devkit with its lists, or common names."""
    kit = devkit(data, root, "SegmentationClass")
    if kit is None:
        return paired_folders(data, root, LABEL_FOLDERS)
    return listed_splits(kit, kit / "JPEGImages", kit / "SegmentationClass", ("Segmentation", ""))


def _report_unnamed(colours: ColourTable, files: Sequence[Path], root: Path, findings: Findings) -> None:
    """Report the share of pixels in some masks whose colour is not named, once."""
    unnamed: Counter[tuple[int, int, int]] = Counter()
    total = 0
    for file in files:
        with contextlib.suppress(LabelProblemError):  # reported when its sample is read
            pixels = decode_colours(read_mask(file, relative(file, root)), file.name)
            unnamed += colours.unnamed(pixels)
            total += pixels[..., 0].size
    if unnamed:
        listed = ", ".join(str(colour) for colour, _ in unnamed.most_common(_SHOWN))
        more = f" and {len(unnamed) - _SHOWN} more" if len(unnamed) > _SHOWN else ""
        message = (
            f"{unnamed.total() / total:.2%} of the pixels in {len(files)} masks looked at have colours that "
            f"it does not name and are no class: {listed}{more}"
        )
        findings.add("unused_files", "data.id_mapping", message)


def mask_classes(
    data: DataConfig, root: Path, files: Sequence[Path]
) -> tuple[list[str], ColourTable | None, dict[Path, frozenset[int]]]:
    """Return the class names, the colours where masks are of colours, and the values of the masks read.

    Args:
        data: The data module of the configuration.
        root: The source's root.
        files: All masks; some are read where ``data.id_mapping`` names the classes, else all.

    Raises:
        UserError: There are colours to look up and ``data.id_mapping`` names none, the indexes found leave a
            gap, or masks are black and white.
    """
    coloured = colour_classes(data, root)
    if coloured is not None:
        return *coloured, {}
    names = mapped_classes(data, root)
    known = values_in(files if names is None else some_of(files))
    values: set[int] = set().union(*known.values())
    check_values(values)
    return names or classes_of_values(values - {IGNORE}, "masks"), None, known
