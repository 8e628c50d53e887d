"""ResNet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kubepresso.config.base import AnyCase, Listed, PositiveInt, Section, null_means
from kubepresso.config.model.common import BackboneBase, Norm, StageIndexes, cumulative


class ResNetParams(Section):
    """Values of the whole ResNet."""

    block_type: Annotated[Literal["basicblock", "bottleneck"], AnyCase] = Field(
        "basicblock", description="Block."
    )
    norm_type: Norm = Field("batch_norm", description="Norm layer.")
    return_stage_idx: StageIndexes | None = Field(
        None, description="Stages whose features go to the neck or head; null: the last."
    )
    split_stem_conv: bool = Field(False, description="Three 3x3 convolutions in place of the 7x7 one.")
    first_stage_shortcut_conv: bool = Field(False, description="Convolution on the first stage's shortcut.")


class ResNetStage(Section):
    """One stage of a ResNet."""

    channels: PositiveInt = Field(description="Channels of the blocks, before a bottleneck's expansion.")
    num_blocks: PositiveInt = Field(description="Blocks.")
    replace_stride_with_dilation: bool = Field(False, description="Dilate instead of striding.")
    replace_stride_with_pooling: bool = Field(False, description="Pool instead of striding.")


_PARAMS = ResNetParams()


class ResNet(BackboneBase):
    """ResNet (He et al., 2015)."""

    name: Literal["resnet"] = "resnet"
    params: Annotated[ResNetParams, null_means(_PARAMS, ResNetParams)] = Field(
        _PARAMS, description="Whole network."
    )
    stage_params: Annotated[tuple[ResNetStage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: a stem of 4, then 2 a stage but the first, unless it dilates."""
        later = [1 if stage.replace_stride_with_dilation else 2 for stage in self.stage_params[1:]]
        return cumulative(4, [1, *later])
