"""Transforms by the name they have in ``augmentation.train`` and ``augmentation.inference``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepresso.augmentation.adapters import SampleTransform
from kubepresso.augmentation.batch import BatchTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.registry import Registry

TRANSFORMS: Registry[Callable[[Any, BuildContext], SampleTransform | BatchTransform]] = Registry(
    "kubepresso.augmentation.transforms"
)
"""From an entry of the recipe to a transform of samples or of batches."""
