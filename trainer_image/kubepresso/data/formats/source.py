"""What every format gives: classes and splits, each with its labels known and its images streamed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class RawSample(NamedTuple):
    """A sample as its source holds it.

    Args:
        image_bytes: The encoded image; empty where the source has none.
        path: Name inside the source, for messages and the report.
        label: Class index.
        problem: Why the image could not be read; None where it could.
    """

    image_bytes: bytes
    path: str
    label: int
    problem: str | None = None


class SourceSplit(Protocol):
    """One split of a source: iterating yields as many `RawSample` as there are labels, in the same order."""

    @property
    def labels(self) -> Sequence[int]:
        """Class index of each sample."""
        ...

    def __iter__(self) -> Iterator[RawSample]:
        """Stream the samples."""
        ...


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set in some format.

    Args:
        classes: Class names in label order.
        splits: By canonical name (train, valid, test).
    """

    classes: list[str]
    splits: Mapping[str, SourceSplit]


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """An image in a file of its own.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        label: Class index.
    """

    file: Path
    path: str
    label: int


class FileSplit:
    """A split whose images are files.

    Args:
        files: In sample order.
    """

    def __init__(self, files: Sequence[ImageFile]) -> None:
        self.files = files
        self.labels = [file.label for file in files]

    def __iter__(self) -> Iterator[RawSample]:
        return (read_sample(entry) for entry in self.files)


def read_sample(entry: ImageFile) -> RawSample:
    """Read an image; a file that cannot be read gives a sample without bytes that says why."""
    try:
        return RawSample(entry.file.read_bytes(), entry.path, entry.label)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error}); check the file's mode and owner"
        return RawSample(b"", entry.path, entry.label, problem)
