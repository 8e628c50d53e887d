"""Transforms that move pixels: crops, flips, sizes, borders."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.augmentation.common import (
    Ascending,
    Fill,
    Interpolation,
    PositiveRange,
    RandomTransform,
    Size,
    Transform,
)
from kubepresso.config.base import AnyCase, HeightWidth, Listed, NaturalInt, PositiveInt, Probability, Side


class CenterCrop(Transform):
    """Cut out the middle; borders of 0 where the image is smaller."""

    name: Literal["centercrop"] = "centercrop"
    size: Size = Field(description="Side of a square, or `[height, width]`.")


class Pad(Transform):
    """Add borders up to a size."""

    name: Literal["pad"] = "pad"
    size: Size = Field(description="Side of a square, or `[height, width]`, at least.")
    fill: Fill = Field(0, description="Grey value, or `[r, g, b]`.")


class RandomCrop(RandomTransform):
    """Cut out a window at a random place; borders where the image is smaller."""

    name: Literal["randomcrop"] = "randomcrop"
    size: Size = Field(description="Side of a square, or `[height, width]`.")
    fill: Fill = Field(0, description="Grey value, or `[r, g, b]`, of borders.")


class RandomResizedCrop(RandomTransform):
    """Cut out a random part and resize it."""

    name: Literal["randomresizedcrop"] = "randomresizedcrop"
    size: Size = Field(description="Side of a square, or `[height, width]`.")
    scale: PositiveRange = Field((0.08, 1.0), description="Least and greatest part of the area.")
    ratio: PositiveRange = Field((3 / 4, 4 / 3), description="Least and greatest width by height.")
    interpolation: Interpolation = Field("bilinear", description="Interpolation.")


class RandomHorizontalFlip(RandomTransform):
    """Mirror left and right."""

    name: Literal["randomhorizontalflip"] = "randomhorizontalflip"
    p: Probability = Field(0.5, description="Probability.")


class RandomVerticalFlip(RandomTransform):
    """Mirror top and bottom."""

    name: Literal["randomverticalflip"] = "randomverticalflip"
    p: Probability = Field(0.5, description="Probability.")


class Resize(Transform):
    """Resize to a size, or a side to a length."""

    name: Literal["resize"] = "resize"
    size: Size = Field(description="`[height, width]`, or a length, see `resize_criteria`.")
    interpolation: Interpolation = Field("bilinear", description="Interpolation.")
    max_size: Side | None = Field(None, description="Greatest length of the longer side, with `short`.")
    resize_criteria: Annotated[Literal["short", "long"], AnyCase] | None = Field(
        None,
        description="Side that gets the length `size`, the other keeps the aspect; null: both, a square.",
    )

    @model_validator(mode="after")
    def _check_max_size(self) -> Self:
        if self.max_size is not None and not (isinstance(self.size, int) and self.resize_criteria == "short"):
            raise ValueError("max_size goes with one number as size and with resize_criteria: short")
        if self.max_size is not None and isinstance(self.size, int) and self.max_size <= self.size:
            raise ValueError(f"max_size must be greater than size, found {self.max_size} and {self.size}")
        return self


class RandomResize(RandomTransform):
    """Give each batch another size, by steps of `stride` around `base_size`."""

    name: Literal["randomresize"] = "randomresize"
    base_size: HeightWidth = Field(description="`[height, width]` in the middle.")
    stride: PositiveInt = Field(32, description="Pixels of one step.")
    random_range: NaturalInt = Field(5, description="Greatest number of steps up or down.")
    interpolation: Interpolation = Field("bilinear", description="Interpolation.")


class RandomResize2(RandomTransform):
    """Resize by a random factor and keep the aspect."""

    name: Literal["randomresize2"] = "randomresize2"
    base_size: HeightWidth = Field(description="`[height, width]` at the factor 1.")
    random_range: PositiveRange = Field((0.5, 2.0), description="Least and greatest factor.")
    interpolation: Interpolation = Field("bilinear", description="Interpolation.")


Factor = Annotated[float, Field(ge=1)]


class RandomZoomOut(RandomTransform):
    """Put the image on a larger canvas."""

    name: Literal["randomzoomout"] = "randomzoomout"
    fill: Fill = Field(0, description="Grey value, or `[r, g, b]`, of the canvas.")
    side_range: Annotated[tuple[Factor, Factor], Listed, Ascending] = Field(
        (1.0, 4.0), description="Least and greatest factor of the sides, 1 or more."
    )
    p: Probability = Field(0.5, description="Probability.")


class RandomIoUCrop(RandomTransform):
    """Crop so that boxes keep a random overlap (SSD, Liu et al., 2016)."""

    name: Literal["randomioucrop"] = "randomioucrop"
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    min_scale: Probability = Field(0.3, description="Least side of the crop by that of the image.")
    max_scale: Probability = Field(1.0, description="Greatest side of the crop by that of the image.")
    min_aspect_ratio: Annotated[float, Field(gt=0)] = Field(0.5, description="Least width by height.")
    max_aspect_ratio: Annotated[float, Field(gt=0)] = Field(2.0, description="Greatest width by height.")
    p: Probability = Field(1.0, description="Probability.")
    sampler_options: (
        Annotated[tuple[Annotated[float, Field(ge=0)], ...], Listed, Field(min_length=1)] | None
    ) = Field(
        None, description="Least overlaps to draw from, 1 leaves the image; null: 0, .1, .3, .5, .7, .9, 1."
    )
    trials: PositiveInt = Field(40, description="Crops that are tried for an overlap.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for least, most in (("min_scale", "max_scale"), ("min_aspect_ratio", "max_aspect_ratio")):
            if getattr(self, least) > getattr(self, most):
                raise ValueError(f"{least} must not be greater than {most}")
        return self


class PoseTopDownAffine(RandomTransform):
    """Cut out an instance by its box, scaled, shifted and turned at random."""

    name: Literal["posetopdownaffine"] = "posetopdownaffine"
    tasks: ClassVar[tuple[str, ...]] = ("pose_estimation",)
    scale: PositiveRange = Field((0.75, 1.25), description="Least and greatest scale.")
    scale_prob: Probability = Field(1.0, description="Probability of scaling.")
    translate: Probability = Field(0.1, description="Greatest shift by the box.")
    translate_prob: Probability = Field(1.0, description="Probability of shifting.")
    rotation: Annotated[float, Field(ge=0, le=180)] = Field(60, description="Greatest turn in degrees.")
    rotation_prob: Probability = Field(1.0, description="Probability of turning.")
    size: Size = Field(description="Side of a square, or `[height, width]`.")
