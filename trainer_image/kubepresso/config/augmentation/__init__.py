"""The module ``augmentation``: the recipes for training and inference, and how they are checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from kubepresso.config.augmentation import colour, geometry, mixing, policies
from kubepresso.config.augmentation.common import Size, Transform
from kubepresso.config.base import AnyCase, Listed, Positive, PositiveInt, Section, by_name

__all__ = ["AnyTransform", "AugmentationChecks", "AugmentationConfig", "Recipe", "Transform"]

AnyTransform = Annotated[
    geometry.CenterCrop
    | colour.ColorJitter
    | colour.HSVJitter
    | geometry.Pad
    | geometry.RandomCrop
    | geometry.RandomResizedCrop
    | geometry.RandomHorizontalFlip
    | geometry.RandomVerticalFlip
    | colour.RandomErasing
    | geometry.RandomResize
    | geometry.RandomResize2
    | geometry.RandomIoUCrop
    | geometry.RandomZoomOut
    | geometry.Resize
    | mixing.MosaicDetection
    | mixing.Mixing
    | policies.TrivialAugmentWide
    | policies.AutoAugment
    | geometry.PoseTopDownAffine
    | colour.ToTensor
    | colour.Normalize,
    *by_name(),
]


def _null_is_empty(value: Any) -> Any:
    return () if value is None else value


Recipe = Annotated[
    tuple[AnyTransform, ...],
    Listed,
    BeforeValidator(_null_is_empty, json_schema_input_type=list[AnyTransform] | None),
]


class AugmentationChecks(Section):
    """How the recipes are tried before training."""

    samples: PositiveInt = Field(16, description="Images that go through the recipes.")
    min_images_per_second: Positive | None = Field(
        None, description="Throughput the recipe must reach; null: what the trainer is estimated to need."
    )
    slow_pipeline: Annotated[Literal["warn", "refuse"], AnyCase] = Field(
        "warn", description="What a recipe below that throughput leads to."
    )


class AugmentationConfig(Section):
    """The recipes for training and inference, and how they are checked."""

    img_size: Size | None = Field(
        None, description="Accepted for compatibility; transforms have sizes of their own."
    )
    train: Recipe = Field((), description="Transforms for training, in order; null: none.")
    inference: Recipe = Field(
        (), description="Transforms for validation, test and use, in order; null: none."
    )
    checks: AugmentationChecks = Field(AugmentationChecks(), description="How the recipes are tried.")
