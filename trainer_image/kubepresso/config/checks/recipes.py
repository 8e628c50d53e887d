"""Whether the transforms of a recipe can follow one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubepresso.config.augmentation import AugmentationConfig, Transform
from kubepresso.config.augmentation.colour import ToTensor
from kubepresso.config.augmentation.geometry import (
    PoseTopDownAffine,
    RandomIoUCrop,
    RandomResize,
    RandomResize2,
    RandomZoomOut,
    Resize,
)
from kubepresso.config.augmentation.mixing import MosaicDetection
from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.config import View
from kubepresso.config.problems import Path

_BY_CHANCE = (RandomIoUCrop, RandomResize, RandomResize2, RandomZoomOut)


def check_recipes(view: View) -> Iterator[Finding]:
    """Check order, task and randomness of both recipes."""
    if view.augmentation is None:
        return
    for name in ("train", "inference"):
        recipe = getattr(view.augmentation, name)
        path = ("augmentation", name)
        yield from _check_tensor(recipe, path)
        if view.data is not None:
            yield from _check_task(recipe, path, view.data.task)
    yield from _check_range(view.augmentation)
    yield from _check_mixing(view.augmentation)
    yield from _check_inference(view.augmentation)


def final_size(recipe: Sequence[Transform]) -> tuple[int, int] | None:
    """Return the height and width that come out of a recipe, None where image or chance decide."""
    steps = sizes_after(recipe)
    return steps[-1] if steps else None


def sizes_after(recipe: Sequence[Transform]) -> list[tuple[int, int] | None]:
    """Return the height and width after each transform, None where image or chance decide."""
    sizes: list[tuple[int, int] | None] = []
    size: tuple[int, int] | None = None
    most: int | None = None  # no side is longer, after a resize of the longer side
    for entry in recipe:
        size, most = _size_after(entry, size, most)
        sizes.append(size)
    return sizes


def _size_after(
    entry: Transform, size: tuple[int, int] | None, most: int | None
) -> tuple[tuple[int, int] | None, int | None]:
    given = getattr(entry, "size", None)
    if given is None:
        return (None, None) if changes_by_chance(entry) else (size, most)
    target = (given, given) if isinstance(given, int) else (int(given[0]), int(given[1]))
    if isinstance(entry, MosaicDetection) and (target == size or entry.mosaic_prob == 0):
        return size, most
    if changes_by_chance(entry):
        return None, None
    if isinstance(entry, Resize) and entry.resize_criteria is not None and isinstance(given, int):
        return None, given if entry.resize_criteria == "long" else entry.max_size
    if entry.name != "pad":
        return target, None
    if size is not None:
        return (max(size[0], target[0]), max(size[1], target[1])), None
    return (target, None) if most is not None and most <= min(target) else (None, None)


def changes_by_chance(entry: Transform) -> bool:
    """Tell whether a transform gives one image another size than the next, whatever they had."""
    if isinstance(entry, MosaicDetection):  # where it is left out, the image stays as it is
        return entry.mosaic_prob > 0 and (entry.mosaic_prob < 1 or entry.mosaic_off_duration > 0)
    return isinstance(entry, _BY_CHANCE) and getattr(entry, "p", 1) > 0


def _check_tensor(recipe: tuple[Transform, ...], path: Path) -> Iterator[Finding]:
    places = [index for index, entry in enumerate(recipe) if entry.name == "totensor"]
    if not places:
        yield error("totensor is missing; the model takes float tensors", *path)
        return
    for extra in places[1:]:
        yield error("totensor a second time; remove one", *path, extra)
    for index, entry in enumerate(recipe):
        name = entry.name
        if entry.acts_on == "tensor" and index < places[0]:
            yield error(f"{name} must stand after totensor", *path, index)
        if entry.acts_on == "image" and index > places[0] and name != "totensor":
            yield error(f"{name} must stand before totensor", *path, index)


def _check_range(augmentation: AugmentationConfig) -> Iterator[Finding]:
    white = [entry.pixel_range for entry in augmentation.train if isinstance(entry, ToTensor)]
    for index, entry in enumerate(augmentation.inference):
        if isinstance(entry, ToTensor) and white and entry.pixel_range != white[0]:
            text = f"is {entry.pixel_range:g}, but that of augmentation.train is {white[0]:g}"
            yield warning(text, "augmentation", "inference", index, "pixel_range")


def _check_task(recipe: tuple[Transform, ...], path: Path, task: str) -> Iterator[Finding]:
    for index, entry in enumerate(recipe):
        if task not in entry.tasks:
            name = entry.name
            yield error(f"{name} is for {' and '.join(entry.tasks)}, not for {task}", *path, index, "name")


def _check_mixing(augmentation: AugmentationConfig) -> Iterator[Finding]:
    for index, entry in enumerate(augmentation.train[:-1]):
        if entry.acts_on == "batch":
            text = f"{entry.name} acts on whole batches, so after all others, wherever it stands"
            yield warning(text, "augmentation", "train", index)
    for index, entry in enumerate(augmentation.inference):
        if entry.acts_on == "batch":
            yield error(f"{entry.name} is for train only", "augmentation", "inference", index)


def _check_inference(augmentation: AugmentationConfig) -> Iterator[Finding]:
    for index, entry in enumerate(augmentation.inference):
        if entry.random and entry.acts_on != "batch" and not _never_acts(entry):
            text = f"{entry.name} is random; results on one image will vary"
            yield warning(text, "augmentation", "inference", index)


def _never_acts(entry: Transform) -> bool:
    """Tell whether no draw of a transform changes anything: posetopdownaffine may only cut out."""
    if isinstance(entry, PoseTopDownAffine):
        same_scale = entry.scale_prob == 0 or (entry.scale_prob == 1 and entry.scale[0] == entry.scale[1])
        moves = entry.translate * entry.translate_prob + entry.rotation * entry.rotation_prob
        return same_scale and moves == 0
    keys = [key for key in type(entry).model_fields if key == "p" or key.endswith("_prob")]
    return bool(keys) and not any(getattr(entry, key) for key in keys)
