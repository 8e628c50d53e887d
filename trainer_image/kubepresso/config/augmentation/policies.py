"""Transforms that draw from a set of others."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubepresso.config.augmentation.common import Fill, Interpolation, RandomTransform
from kubepresso.config.base import AnyCase, Int


class TrivialAugmentWide(RandomTransform):
    """One random operation at a random strength (Müller and Hutter, 2021)."""

    name: Literal["trivialaugmentwide"] = "trivialaugmentwide"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "image"
    num_magnitude_bins: Annotated[Int, Field(ge=2)] = Field(31, description="Strengths to draw from.")
    interpolation: Interpolation = Field("nearest", description="Interpolation.")
    fill: Fill | None = Field(None, description="Grey value, or `[r, g, b]`, of borders; null: 0.")


class AutoAugment(RandomTransform):
    """A learned policy (Cubuk et al., 2018)."""

    name: Literal["autoaugment"] = "autoaugment"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "image"
    policy: Annotated[Literal["imagenet", "cifar10", "svhn"], AnyCase] = Field(
        "imagenet", description="Policy."
    )
    interpolation: Interpolation = Field("nearest", description="Interpolation.")
    fill: Fill | None = Field(None, description="Grey value, or `[r, g, b]`, of borders; null: 0.")
