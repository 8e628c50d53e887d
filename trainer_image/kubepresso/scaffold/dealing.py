"""What of train is held out, and which classes the rest has."""

from __future__ import annotations

import contextlib
import io
import itertools
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from kubepresso.data.formats import Source, SourceSplit
from kubepresso.data.splitting import VALID_SHARE, deal
from kubepresso.data.targets import Geometry, LabelProblemError, Poses
from kubepresso.scaffold.evidence import Candidate

#: Labels in files of their own that are read to count classes.
_MOST_LABELS = 10_000
#: Masks that are decoded to tell which classes are in them.
_MOST_MASKS = 500


class Dealt(NamedTuple):
    """What remains of train.

    Args:
        held_out: Samples that become valid.
        counted: Whether that is counted, not reckoned.
        seen: Labels in the others; None where that takes long to tell.
    """

    held_out: int
    counted: bool
    seen: set[int] | None


def remaining(candidate: Candidate, source: Source) -> Dealt:
    """Deal train as its preparation will, where its labels are read within seconds."""
    train, whole = source.splits["train"], "valid" in source.splits
    if not _is_quick(candidate, train):
        return Dealt(0 if whole else round(len(train) * VALID_SHARE), whole, None)
    strata = train.strata()
    indexes = range(len(strata))
    dealt = [("train", index) for index in indexes] if whole else list(deal(indexes, lambda _: True, strata))
    kept = [index for split, index in dealt if split == "train"]
    return Dealt(len(strata) - len(kept), True, {label for index in kept for label in strata[index]})


def _is_quick(candidate: Candidate, train: SourceSplit) -> bool:
    """Tell whether the classes of all labels are read within seconds."""
    most = {"classification": len(train), "segmentation": _MOST_MASKS}
    return len(train) <= most.get(candidate.task, _MOST_LABELS)


def unseen(candidate: Candidate, source: Source, seen: set[int] | None) -> list[str]:
    """Return the classes, or keypoints, of which train has none."""
    if candidate.task == "pose_estimation":
        seen = _points_seen(source.splits["train"], len(source.classes))
    names = enumerate(source.classes)
    return [] if seen is None else [name for label, name in names if label not in seen]


def _points_seen(train: SourceSplit, count: int) -> set[int]:
    """Return the keypoints that are marked somewhere; it ends where all were seen."""
    seen: set[int] = set()
    for sample in itertools.islice(iter(train), _MOST_LABELS):
        geometry = geometry_of(sample.image_bytes)
        if geometry is None or sample.target is None:
            continue
        with contextlib.suppress(LabelProblemError):
            poses = sample.target(geometry)
            assert isinstance(poses, Poses)
            seen |= set(np.flatnonzero((poses.keypoints[..., 2] > 0).any(0)).tolist())
        if len(seen) == count:
            break
    return seen


def geometry_of(content: bytes) -> Geometry | None:
    """Read width, height and orientation from an image's header; None where it is no image."""
    # Pillow's readers raise anything; prepare_dataset reports it
    with contextlib.suppress(Exception), Image.open(io.BytesIO(content)) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        orientation = turned if turned in range(1, 9) else 1
        width, height = image.size
        return Geometry(*((height, width) if orientation >= 5 else (width, height)), orientation)
    return None
