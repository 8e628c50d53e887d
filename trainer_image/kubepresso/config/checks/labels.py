"""Whether class names, colours and keypoints fit the task, one another, and what reads them."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.config import View
from kubepresso.config.data import DataConfig, Keypoint, parse_colour
from kubepresso.config.keypoints import paired_by_name
from kubepresso.config.model.losses import CrossEntropy, PIDNetLoss, SegCrossEntropy

_MAPPING = ("data", "id_mapping")
_FLIPS = ("randomhorizontalflip", "randomverticalflip")


def check_labels(view: View) -> Iterator[Finding]:
    """Check ``id_mapping``, ``label_image_mode`` and ``palette`` against one another."""
    data = view.data
    if data is None:
        return
    if data.task == "segmentation":
        yield from _check_palette(data)
    if data.keypoints:
        yield from _check_keypoints(data)
    elif data.task == "segmentation" and data.label_image_mode != "L" and data.format == "local":
        yield from _check_colours(data)
    else:
        yield from _check_indexes(data)


def _check_indexes(data: DataConfig) -> Iterator[Finding]:
    """Check the keys of a mapping from label to name: also where labels are names, it says their order."""
    of_colours = data.task == "segmentation" and data.label_image_mode != "L"
    if not isinstance(data.id_mapping, dict) or of_colours or data.task == "pose_estimation":
        return
    if _may_name_folders(data) and not any(key.isdecimal() for key in data.id_mapping):
        return
    wanted = {str(index) for index in range(len(data.id_mapping))}
    for key in data.id_mapping:
        if key not in wanted:
            yield error(f"labels must be the indexes 0 to {len(wanted) - 1}, found {key!r}", *_MAPPING, key)


def _may_name_folders(data: DataConfig) -> bool:
    """Tell whether images may lie in folders of their classes, whose names may then be the keys."""
    labelled = data.path is None or data.path.train.label is not None
    return data.task == "classification" and data.layout in (None, "class_folders") and not labelled


def _check_palette(data: DataConfig) -> Iterator[Finding]:
    count, palette = class_count(data), data.palette
    if palette is not None and count is not None and len(palette) < count:
        yield error(f"has {len(palette)} colours for {count} classes", "data", "palette")


def _check_colours(data: DataConfig) -> Iterator[Finding]:
    if data.id_mapping is None or isinstance(data.id_mapping, tuple):
        mode = f"label_image_mode: {data.label_image_mode}"
        text = f'{mode} needs a mapping of "(r, g, b)" to name, or its JSON file'
        yield error(text, *_MAPPING)
        return
    first: dict[tuple[int, int, int], str] = {}
    for key in data.id_mapping if isinstance(data.id_mapping, dict) else ():
        try:
            colour = parse_colour(key)
        except ValueError as problem:
            yield error(str(problem), *_MAPPING, key)
            continue
        if first.setdefault(colour, key) != key:
            yield error(f"the same colour as {first[colour]!r}", *_MAPPING, key)


def _check_keypoints(data: DataConfig) -> Iterator[Finding]:
    if data.task != "pose_estimation":
        yield error(f"keypoints are for pose_estimation; {data.task} takes class names", *_MAPPING)
        return
    partners = {point.name: point.swap for point in data.keypoints}
    for index, point in enumerate(data.keypoints):
        yield from _check_partner(point, partners, index)


def _check_partner(point: Keypoint, partners: dict[str, str | None], index: int) -> Iterator[Finding]:
    if point.swap is None:
        return
    if point.swap not in partners:
        yield error(f"{point.swap!r} is no keypoint", *_MAPPING, index, "swap")
    elif partners[point.swap] != point.name:
        other = partners[point.swap]
        that = f"with {other!r}" if other is not None else "has swap: null"
        text = f"{point.name!r} changes places with {point.swap!r}, but that one {that}"
        yield error(text, *_MAPPING, index, "swap")


def check_flips(view: View) -> Iterator[Finding]:
    """Check that mirroring a pose knows which keypoints change places."""
    data, augmentation = view.data, view.augmentation
    if data is None or augmentation is None or data.task != "pose_estimation":
        return
    if not isinstance(data.id_mapping, tuple) or any(point.swap is not None for point in data.keypoints):
        return
    names = [item.name if isinstance(item, Keypoint) else item for item in data.id_mapping]
    if any(paired_by_name(names)):
        return
    for index, entry in enumerate(augmentation.train):
        if entry.name in _FLIPS and getattr(entry, "p", 0) > 0:
            shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            text = f"{entry.name} must know which keypoints change places; data.id_mapping gives no swap to "
            yield error(text + shown, "augmentation", "train", index)


def check_ignored(view: View) -> Iterator[Finding]:
    """Tell of a class that a loss leaves out."""
    count = class_count(view.data) if view.data is not None else None
    if view.model is None or count is None:
        return
    for index, loss in enumerate(view.model.losses):
        if isinstance(loss, CrossEntropy | SegCrossEntropy | PIDNetLoss) and 0 <= loss.ignore_index < count:
            text = f"{loss.ignore_index} is one of the {count} classes, which is then never learnt"
            yield warning(text, "model", "losses", index, "ignore_index")


def class_count(data: DataConfig) -> int | None:
    """Return how many classes the configuration names; None where the data or a JSON file say it."""
    mapping = data.id_mapping
    if mapping is None or isinstance(mapping, str) or data.task == "pose_estimation":
        return None
    return len(dict.fromkeys(mapping.values())) if isinstance(mapping, dict) else len(mapping)
