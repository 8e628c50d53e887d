"""MixNet."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import Listed, PositiveInt, Section
from kubepresso.config.model.backbones.mobilenetv3 import check_lengths
from kubepresso.config.model.common import (
    Activation,
    BackboneBase,
    Dropout,
    Multiplier,
    PositiveInts,
    Stride,
    cumulative,
)


class MixNetStage(Section):
    """One stage of a MixNet: lists with one item a group of blocks, all of one length."""

    expansion_ratio: PositiveInts = Field(description="Factors of the channels inside the blocks.")
    out_channels: PositiveInts = Field(description="Output channels.")
    num_blocks: PositiveInts = Field(description="Blocks of each group.")
    kernel_sizes: Annotated[tuple[PositiveInts, ...], Listed] = Field(
        description="Sides of the depthwise kernels; the channels are shared out among them."
    )
    num_exp_groups: PositiveInts = Field(description="Groups of the expanding convolution.")
    num_poi_groups: PositiveInts = Field(description="Groups of the last convolution.")
    stride: Annotated[tuple[Stride, ...], Listed] = Field(description="Stride of each group's first block.")
    act_type: Annotated[tuple[Activation, ...], Listed] = Field(description="Activations.")
    se_reduction_ratio: Annotated[tuple[PositiveInt | None, ...], Listed] = Field(
        description="Reduction of squeeze and excitation; null: none."
    )

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        check_lengths(self)
        return self


class MixNetParams(Section):
    """Values of the whole MixNet."""

    stem_channels: PositiveInt = Field(16, description="Channels of the stem.")
    wid_mul: Multiplier = Field(1.0, description="Factor of all channels.")
    dep_mul: Multiplier = Field(1.0, description="Factor of all numbers of blocks.")
    dropout_rate: Dropout = Field(0.0, description="Dropout in the blocks.")


class MixNet(BackboneBase):
    """MixNet (Tan and Le, 2019)."""

    name: Literal["mixnet"] = "mixnet"
    params: MixNetParams = Field(MixNetParams(), description="Whole network.")
    stage_params: Annotated[tuple[MixNetStage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: a stem of 2, then those of the groups."""
        return cumulative(2, [math.prod(stage.stride) for stage in self.stage_params])
