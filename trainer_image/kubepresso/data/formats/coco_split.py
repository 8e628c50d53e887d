"""A split of a COCO data set: labels are made from the tables as samples are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubepresso.data.formats.coco_places import Listed
from kubepresso.data.formats.source import ImageFile, Label, RawSample, read_sample


class CocoSplit:
    """The images of a split.

    Args:
        listed: Those that are there.
        make: Makes the label of an image's row.
    """

    def __init__(
        self,
        listed: Listed,
        make: Callable[[int], Label],
    ) -> None:
        self._listed = listed
        self._make = make

    def __len__(self) -> int:
        return len(self._listed.rows)

    def strata(self) -> list[Sequence[int]]:
        """Return the classes in each image."""
        return [self._make(row).classes() for row in self._listed.rows]

    def __iter__(self) -> Iterator[RawSample]:
        for row, name in zip(self._listed.rows, self._listed.names, strict=True):
            path = self._listed.prefix + name
            yield read_sample(ImageFile(self._listed.folder / name, path, self._make(row)))
