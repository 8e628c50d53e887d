"""Transforms that make one image of several."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.augmentation.common import Fill, PositiveRange, RandomTransform, Size
from kubepresso.config.base import Listed, NaturalInt, NonNegative, Positive, Probability

AlphaAndProbability = Annotated[tuple[Positive, Probability], Listed]


class Mixing(RandomTransform):
    """MixUp (Zhang et al., 2017) or CutMix (Yun et al., 2019) on whole batches, after all others."""

    name: Literal["mixing"] = "mixing"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "batch"
    mixup: AlphaAndProbability | None = Field(
        None, description="`[alpha, probability]` of MixUp; null: never."
    )
    cutmix: AlphaAndProbability | None = Field(
        None, description="`[alpha, probability]` of CutMix; null: never."
    )
    inplace: bool = Field(False, description="Accepted for compatibility; changes no result.")

    @model_validator(mode="after")
    def _check_use(self) -> Self:
        if self.mixup is None and self.cutmix is None:
            raise ValueError("mixing needs mixup, cutmix or both")
        return self


class MosaicDetection(RandomTransform):
    """Mosaic of four images, with an affine change and MixUp (YOLOX, Ge et al., 2021)."""

    name: Literal["mosaicdetection"] = "mosaicdetection"
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "image"
    size: Size = Field(description="Side of a square, or `[height, width]`.")
    mosaic_prob: Probability = Field(1.0, description="Probability of the mosaic.")
    affine_scale: PositiveRange = Field((0.5, 1.5), description="Least and greatest scale.")
    degrees: NonNegative = Field(10.0, description="Greatest turn in degrees.")
    translate: Probability = Field(0.1, description="Greatest shift by the sides.")
    shear: NonNegative = Field(2.0, description="Greatest shear in degrees.")
    enable_mixup: bool = Field(True, description="Whether MixUp follows.")
    mixup_prob: Probability = Field(1.0, description="Probability of MixUp.")
    mixup_scale: PositiveRange = Field(
        (0.5, 1.5), description="Least and greatest scale of the image mixed in."
    )
    fill: Fill = Field(114, description="Grey value, or `[r, g, b]`, of borders.")
    mosaic_off_duration: NaturalInt = Field(15, description="Last epochs without it.")
