"""Whether the images of a batch come out of a recipe in one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubepresso.config.augmentation import Transform
from kubepresso.config.augmentation.geometry import RandomResize
from kubepresso.config.checks.findings import Finding, warning
from kubepresso.config.checks.recipes import changes_by_chance, sizes_after
from kubepresso.config.config import View


def check_stacking(view: View) -> Iterator[Finding]:
    """Tell of the transform in training after which images differ in size and nothing makes them alike.

    Of a recipe that changes no size the data decide; a batch of one image needs no other of its size.
    """
    if view.augmentation is None or (view.environment is not None and view.environment.batch_size == 1):
        return
    index = _uneven(view.augmentation.train)
    if index is not None:
        text = "images of different sizes follow, which no batch can hold; give them one size, such as by "
        yield warning(f"{text}resize or crop", "augmentation", "train", index)


def _uneven(recipe: Sequence[Transform]) -> int | None:
    """Return the transform from which on sizes differ within a batch; None where they do not."""
    found: int | None = None
    before: tuple[int, int] | None = None
    for index, (entry, size) in enumerate(zip(recipe, sizes_after(recipe), strict=True)):
        if size is not None or isinstance(entry, RandomResize):  # that one gives a batch one size
            found = None
        elif changes_by_chance(entry) or (entry.name == "resize" and before is None):
            found = index
        before = size
    return found
