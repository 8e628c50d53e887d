"""The manifest of a prepared data set: what is in the folder, and the digests that prove it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from kubepresso.data.targets import Keypoint
from kubepresso.errors import UserError

FORMAT = 2
MANIFEST_FILE = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Shard:
    """One Parquet file of a split.

    Args:
        file: File name inside the prepared folder.
        rows: Number of samples.
        size: File size in bytes.
        digest: ``sha256:...`` of the file.
    """

    file: str
    rows: int
    size: int
    digest: str


@dataclasses.dataclass(frozen=True)
class Split:
    """One split (train, valid or test).

    Args:
        count: Number of samples.
        class_counts: Number of what the manifest's ``counted`` says, for each class in their order.
        shards: The files, in sample order.
    """

    count: int
    class_counts: list[int]
    shards: list[Shard]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` holds.

    Args:
        task: For example ``classification``.
        classes: Class names; a label is an index into them. For pose estimation the keypoints' names.
        splits: By name.
        digest: ``sha256:...`` of the content: image bytes, targets, order and classes, nothing else.
        checks: By check name: the policy applied, how many were found, and what was skipped.
        counted: What class counts count: images, objects, pixels or keypoints.
        keypoints: For pose estimation, in the order of ``classes``.
        fingerprint: Figures of each split, to know later data by.
        format: Version of the layout.
    """

    task: str
    classes: list[str]
    splits: dict[str, Split]
    digest: str
    checks: dict[str, dict[str, Any]]
    counted: str = "images"
    keypoints: tuple[Keypoint, ...] = ()
    fingerprint: dict[str, Any] = dataclasses.field(default_factory=dict)
    format: int = FORMAT

    @property
    def swap(self) -> tuple[int, ...]:
        """The partner of each keypoint in a mirrored image; empty where there are no keypoints."""
        return tuple(keypoint.swap for keypoint in self.keypoints)

    def write(self, folder: Path) -> None:
        """Write ``manifest.json``; keys are sorted and nothing in it depends on the time or the machine."""
        content = {**dataclasses.asdict(self), "keypoints": [point._asdict() for point in self.keypoints]}
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a prepared folder.

    Raises:
        UserError: The folder has no manifest, or it is not one of this version.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise UserError(
            f"{folder}: not a prepared data set ({MANIFEST_FILE} is missing); "
            "run the prepare_dataset step and use its output folder"
        )
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path}: not a valid manifest of format {FORMAT} ({error}); run prepare_dataset again"
        ) from error


def _parse(content: dict[str, Any]) -> Manifest:
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']!r}")
    splits = {name: _parse_split(name, split) for name, split in content["splits"].items()}
    keypoints = tuple(_parse_keypoint(point) for point in content["keypoints"])
    return Manifest(**{**content, "splits": splits, "keypoints": keypoints})


def _parse_keypoint(content: dict[str, Any]) -> Keypoint:
    colour = content["colour"]
    return Keypoint(content["name"], content["swap"], None if colour is None else tuple(colour))


def _parse_split(name: str, content: dict[str, Any]) -> Split:
    shards = [Shard(**shard) for shard in content["shards"]]
    if any(Path(shard.file).name != shard.file for shard in shards):
        raise ValueError(f"a shard of {name} lies outside the folder")
    split = Split(**{**content, "shards": shards})
    if sum(shard.rows for shard in shards) != split.count:
        raise ValueError(f"the shards of {name} do not add up to its count, {split.count}")
    return split
