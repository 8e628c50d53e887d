"""Backbones, one model each: whole-network values in ``params``, one entry a stage in ``stage_params``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import AnyCase, Listed, NaturalInt, PositiveInt, Section, by_name, null_means

Activation = Annotated[
    Literal["relu", "relu6", "prelu", "leaky_relu", "gelu", "silu", "swish", "hard_swish"], AnyCase
]
Norm = Annotated[Literal["batch_norm", "instance_norm"], AnyCase]


class ResNetParams(Section):
    """Values of the whole ResNet."""

    block_type: Annotated[Literal["basicblock", "bottleneck"], AnyCase] = Field(
        "basicblock", description="Block."
    )
    norm_type: Norm = Field("batch_norm", description="Norm layer.")
    return_stage_idx: Annotated[tuple[NaturalInt, ...], Listed] | None = Field(
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


_RESNET = ResNetParams()


class ResNet(Section):
    """ResNet (He et al., 2015)."""

    name: Literal["resnet"] = "resnet"
    params: Annotated[ResNetParams, null_means(_RESNET, ResNetParams)] = Field(
        _RESNET, description="Whole network."
    )
    stage_params: Annotated[tuple[ResNetStage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )


class MobileNetV3Stage(Section):
    """One stage of a MobileNetV3: lists with one item a block, all of one length."""

    in_channels: Annotated[tuple[PositiveInt, ...], Listed, Field(min_length=1)] = Field(
        description="Input channels."
    )
    kernel_sizes: Annotated[tuple[PositiveInt, ...], Listed] = Field(
        description="Sides of the depthwise kernels."
    )
    expanded_channels: Annotated[tuple[PositiveInt, ...], Listed] = Field(
        description="Channels after expansion."
    )
    out_channels: Annotated[tuple[PositiveInt, ...], Listed] = Field(description="Output channels.")
    use_se: Annotated[tuple[bool, ...], Listed] = Field(description="Squeeze and excitation.")
    act_type: Annotated[tuple[Activation, ...], Listed] = Field(description="Activations.")
    stride: Annotated[tuple[Annotated[int, Field(ge=1, le=2)], ...], Listed] = Field(description="Strides.")

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        lengths = {key: len(getattr(self, key)) for key in type(self).model_fields}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{key} {count}" for key, count in lengths.items())
            raise ValueError(f"all lists of a stage must have one length, found {found}")
        return self


class MobileNetV3(Section):
    """MobileNetV3 (Howard et al., 2019)."""

    name: Literal["mobilenetv3"] = "mobilenetv3"
    params: None = Field(None, description="Always null.")
    stage_params: Annotated[tuple[MobileNetV3Stage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )


Backbone = Annotated[ResNet | MobileNetV3, *by_name()]
