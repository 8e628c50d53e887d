"""Targets: what a sample's label is, by task. Imports no torch."""

from kubepresso.data.targets.codec import TargetCodec, codec_of
from kubepresso.data.targets.kinds import (
    IGNORE,
    ClassMask,
    Geometry,
    Keypoint,
    LabelProblemError,
    Objects,
    Poses,
    Target,
    TargetSource,
)

__all__ = [
    "IGNORE",
    "ClassMask",
    "Geometry",
    "Keypoint",
    "LabelProblemError",
    "Objects",
    "Poses",
    "Target",
    "TargetCodec",
    "TargetSource",
    "codec_of",
]
