"""Which format a data set is in, by looking at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubepresso.config.checks.tasks import LAYOUTS
from kubepresso.config.data import DataConfig
from kubepresso.data.formats.naming import (
    SPLIT_ALIASES,
    canonical_split,
    named_places,
    split_folders,
    split_path,
)
from kubepresso.errors import UserError

TABLES = ("metadata.csv", "metadata.jsonl")
_PREFIXES = ("instances", "person", "keypoints", "panoptic")
_COMMON = ("annotations.json", "labels.json")
_BEGINNING = 1 << 16


def detect_format(data: DataConfig, root: Path | None) -> str:
    """Return the name of the format: ``data.layout``, else what the files look like.

    Without a root (``data.metadata.repo`` names a repository of the hub), or where the root is what
    ``save_to_disk`` of ``datasets`` wrote, it is ``hub``. Else the first rule
    of the task that holds decides:

    - classification: ``data.path.train.label`` names a file, ``csv_labels``; a ``.parquet`` file in a place
      that ``data.path.<split>.image`` names or, where none does, anywhere below the root, ``parquet``; a
      ``metadata.csv`` or ``metadata.jsonl`` in the folder of a split, ``image_folder``; else
      ``class_folders``.
    - the others: ``.parquet``; ``metadata.jsonl`` or ``metadata.csv`` (detection); a COCO file, which is a
      ``.json`` that ``data.path.<split>.label`` names or whose name tells so; ``.xml`` (detection); else the
      files of text or masks of the task.

    Raises:
        UserError: A place that is named does not exist, or ``data.layout`` or the hub is not for the task.
    """
    if root is None or (is_saved(root) and data.layout is None):
        return _hub(data.task)
    if data.layout is not None:
        return _allowed(data.layout, data.task)
    return _RULES[data.task](data, root)


def is_saved(root: Path) -> bool:
    """Say whether a folder is what ``save_to_disk`` of ``datasets`` wrote."""
    if (root / "dataset_dict.json").is_file():
        return True
    return all((root / name).is_file() for name in ("dataset_info.json", "state.json"))


def _allowed(layout: str, task: str) -> str:
    if layout not in LAYOUTS[task]:
        allowed = ", ".join(LAYOUTS[task])
        raise UserError(f"data.layout: {layout} is not for {task}; allowed are {allowed}, or null")
    return layout


def _hub(task: str) -> str:
    if task == "pose_estimation":
        raise UserError(
            "data.metadata.repo: the hub has no common form of poses; give a folder in data.path.root, as "
            "keypoints_txt or coco_keypoints"
        )
    return "hub"


def _classification(data: DataConfig, root: Path) -> str:
    if data.path is not None and data.path.train.label:
        return "csv_labels"
    if _has_parquet(data, root):
        return "parquet"
    if any((folder / name).is_file() for folder in split_folders(data, root).values() for name in TABLES):
        return "image_folder"
    return "class_folders"


def _detection(data: DataConfig, root: Path) -> str:
    if _has_parquet(data, root):
        return "parquet"
    if any((folder / name).is_file() for folder in split_folders(data, root).values() for name in TABLES):
        return "image_folder"
    if coco_files(data, root):
        return "coco"
    return "voc" if _has_xml(data, root) else "yolo"


def _segmentation(data: DataConfig, root: Path) -> str:
    if _has_parquet(data, root):
        return "parquet"
    files = coco_files(data, root)
    if any("panoptic" in file.name.lower() for file in files):
        return "coco_panoptic"
    return "coco" if files else "masks"


def _pose(data: DataConfig, root: Path) -> str:
    return "coco_keypoints" if coco_files(data, root) else "keypoints_txt"


_RULES: dict[str, Callable[[DataConfig, Path], str]] = {
    "classification": _classification,
    "detection": _detection,
    "segmentation": _segmentation,
    "pose_estimation": _pose,
}


def coco_files(data: DataConfig, root: Path) -> list[Path]:
    """Return the files that may be COCO's: named ones, else those whose name tells so."""
    labels = [root / label for split in SPLIT_ALIASES if (label := split_path(data, split, "label"))]
    named = [label for label in labels if label.suffix.lower() == ".json"]
    if named or labels:
        return named
    places = [root, *(folder for folder in root.iterdir() if folder.is_dir())]
    return sorted(file for place in places for file in place.glob("*.json") if looks_like_coco(file))


def looks_like_coco(file: Path) -> bool:
    """Say whether a file's name is one that COCO, or a tool that writes its format, gives.

    A file called as a split, such as ``train.json``, or ``annotations.json`` or ``labels.json``, is looked
    into: it must begin like COCO's.
    """
    name = file.name.lower()
    if name.endswith(".coco.json") or name.split("_")[0] in _PREFIXES:
        return True
    if canonical_split(file.stem) is None and name not in _COMMON:
        return False
    with file.open("rb") as content:
        beginning = content.read(_BEGINNING)
    return any(key in beginning for key in (b'"images"', b'"annotations"', b'"categories"'))


def _has_parquet(data: DataConfig, root: Path) -> bool:
    places = named_places(data, root).values() or [root]
    return any(place.suffix == ".parquet" or next(place.rglob("*.parquet"), None) for place in places)


def _has_xml(data: DataConfig, root: Path) -> bool:
    labels = [root / label for split in SPLIT_ALIASES if (label := split_path(data, split, "label"))]
    places = labels or [*named_places(data, root).values(), root]
    return any(next(place.rglob("*.[xX][mM][lL]"), None) for place in places)
