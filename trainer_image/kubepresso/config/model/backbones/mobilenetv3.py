"""MobileNetV3."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import Listed, Section
from kubepresso.config.model.common import Activation, BackboneBase, PositiveInts, Stride, cumulative


def check_lengths(stage: Section) -> None:
    """Check that all lists of a stage, which have one item a block, have one length.

    Raises:
        ValueError: They do not.
    """
    lengths = {key: len(getattr(stage, key)) for key in type(stage).model_fields}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{key} {count}" for key, count in lengths.items())
        raise ValueError(f"all lists of a stage must have one length, found {found}")


class MobileNetV3Stage(Section):
    """One stage of a MobileNetV3: lists with one item a block, all of one length."""

    in_channels: PositiveInts = Field(description="Input channels.")
    kernel_sizes: PositiveInts = Field(description="Sides of the depthwise kernels.")
    expanded_channels: PositiveInts = Field(description="Channels after expansion.")
    out_channels: PositiveInts = Field(description="Output channels.")
    use_se: Annotated[tuple[bool, ...], Listed] = Field(description="Squeeze and excitation.")
    act_type: Annotated[tuple[Activation, ...], Listed] = Field(description="Activations.")
    stride: Annotated[tuple[Stride, ...], Listed] = Field(description="Strides.")

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        check_lengths(self)
        return self


class MobileNetV3(BackboneBase):
    """MobileNetV3 (Howard et al., 2019)."""

    name: Literal["mobilenetv3"] = "mobilenetv3"
    params: None = Field(None, description="Always null.")
    stage_params: Annotated[tuple[MobileNetV3Stage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: a stem of 2, then those of the blocks."""
        return cumulative(2, [math.prod(stage.stride) for stage in self.stage_params])
