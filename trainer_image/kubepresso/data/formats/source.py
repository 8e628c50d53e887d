"""What every format gives: classes and splits, each with its samples streamed and their classes known."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kubepresso.data.targets import Geometry, Keypoint, TargetSource

#: Of strata, so that handing over costs little where a class is known already.
_CHUNK = 64


class RawSample(NamedTuple):
    """A sample as its source holds it.

    Args:
        image_bytes: The encoded image; empty where the source has none.
        path: Name inside the source, for messages and the report.
        target: Makes the target once the image is decoded.
        problem: Why the image could not be read; None where it could.
    """

    image_bytes: bytes
    path: str
    target: TargetSource
    problem: str | None = None


class SourceSplit(Protocol):
    """One split of a source."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def strata(self) -> Sequence[Sequence[int]]:
        """Return the classes in each sample, in order; called only where a part is to be held out.

        It may read every label, not the images.
        """
        ...

    def __iter__(self) -> Iterator[RawSample]:
        """Stream the samples, always in the same order; holds no more than a few images at a time."""
        ...


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set in some format.

    Args:
        classes: Class names in label order; for pose estimation the names of the keypoints.
        splits: By canonical name (train, valid, test).
        keypoints: For pose estimation, in the order of ``classes``; else empty.
    """

    classes: list[str]
    splits: Mapping[str, SourceSplit]
    keypoints: tuple[Keypoint, ...] = ()


class Label(Protocol):
    """A sample's label in some format, not read yet; a `TargetSource` that can name its classes alone."""

    def __call__(self, geometry: Geometry) -> Any:
        """Make the target; raises `LabelProblemError`."""
        ...

    def classes(self) -> Sequence[int]:
        """Return the classes in the sample; none where the label cannot be used."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFile:
    """An image in a file of its own.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        label: Makes the target once the image is decoded.
    """

    file: Path
    path: str
    label: Label


@dataclasses.dataclass(frozen=True, slots=True)
class ClassLabel:
    """The target of classification: known without the image.

    Args:
        label: Class index.
    """

    label: int

    def __call__(self, geometry: Geometry) -> int:
        """Return the class index."""
        return self.label

    def classes(self) -> tuple[int]:
        """Return the one class."""
        return (self.label,)


def labelled_file(file: Path, path: str, label: int) -> ImageFile:
    """Return an image file of one class.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        label: Class index.
    """
    return ImageFile(file, path, ClassLabel(label))


class FileSplit:
    """A split whose images are files.

    Args:
        files: In sample order.
    """

    def __init__(self, files: Sequence[ImageFile]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def strata(self) -> list[Sequence[int]]:
        """Return the classes in each file; masks are read for them, so on all cores."""
        chunks = [self.files[start : start + _CHUNK] for start in range(0, len(self.files), _CHUNK)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(lambda chunk: [file.label.classes() for file in chunk], chunks)
            return list(itertools.chain.from_iterable(found))

    def __iter__(self) -> Iterator[RawSample]:
        return (read_sample(entry) for entry in self.files)


def read_sample(entry: ImageFile) -> RawSample:
    """Read an image; a file that cannot be read gives a sample without bytes that says why."""
    try:
        return RawSample(entry.file.read_bytes(), entry.path, entry.label)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error}); check the file's mode and owner"
        return RawSample(b"", entry.path, entry.label, problem)
