"""Whether the transforms of a recipe can follow one another."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.augmentation import AugmentationConfig, Transform
from kubepresso.config.augmentation.geometry import Resize
from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.config import View
from kubepresso.config.problems import Path


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
    yield from _check_mixing(view.augmentation)
    yield from _check_inference(view.augmentation)


def final_size(recipe: tuple[Transform, ...]) -> tuple[int, int] | None:
    """Return the height and width that come out of a recipe, None where image or chance decide."""
    size: tuple[int, int] | None = None
    for entry in recipe:
        given = getattr(entry, "size", None)
        if given is None:
            size = None if "base_size" in type(entry).model_fields else size
            continue
        target = (given, given) if isinstance(given, int) else tuple(given)
        if isinstance(entry, Resize) and entry.resize_criteria is not None and isinstance(entry.size, int):
            size = None
        elif entry.name == "pad":
            size = (max(size[0], target[0]), max(size[1], target[1])) if size is not None else None
        else:
            size = target
    return size


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


def _check_task(recipe: tuple[Transform, ...], path: Path, task: str) -> Iterator[Finding]:
    for index, entry in enumerate(recipe):
        if task not in entry.tasks:
            name = entry.name
            yield error(f"{name} is for {' and '.join(entry.tasks)}, not for {task}", *path, index, "name")


def _check_mixing(augmentation: AugmentationConfig) -> Iterator[Finding]:
    for index, entry in enumerate(augmentation.train[:-1]):
        if entry.acts_on == "batch":
            yield error(f"{entry.name} must be last", "augmentation", "train", index)
    for index, entry in enumerate(augmentation.inference):
        if entry.acts_on == "batch":
            yield error(f"{entry.name} is for train only", "augmentation", "inference", index)


def _check_inference(augmentation: AugmentationConfig) -> Iterator[Finding]:
    for index, entry in enumerate(augmentation.inference):
        if entry.random and entry.acts_on != "batch":
            text = f"{entry.name} is random; results on one image will vary"
            yield warning(text, "augmentation", "inference", index)
