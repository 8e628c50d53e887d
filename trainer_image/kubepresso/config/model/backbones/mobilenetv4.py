"""MobileNetV4, whose stages are lists of blocks and whose blocks are short lists."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from kubepresso.config.base import AnyCase, Listed, Positive, PositiveInt, Section
from kubepresso.config.model.common import (
    Activation,
    BackboneBase,
    Kernel,
    Norm,
    StageIndexes,
    Stride,
    cumulative,
)

#: ``[conv, out_channels, kernel_size, stride]``.
ConvBlock = Annotated[
    tuple[Annotated[Literal["conv"], AnyCase], PositiveInt, Kernel, Stride], Listed, Tag("conv")
]
#: ``[fi, out_channels, hidden_channels, kernel_size, stride]``: fused inverted bottleneck.
FusedBlock = Annotated[
    tuple[Annotated[Literal["fi"], AnyCase], PositiveInt, PositiveInt, Kernel, Stride], Listed, Tag("fi")
]
#: ``[uir, out, hidden, first depthwise?, its kernel, middle depthwise?, its kernel, stride]``.
InvertedBlock = Annotated[
    tuple[
        Annotated[Literal["uir"], AnyCase],
        PositiveInt,
        PositiveInt,
        bool,
        Kernel | None,
        bool,
        Kernel | None,
        Stride,
    ],
    Listed,
    Tag("uir"),
]
#: ``[mmqa, out, attention channels, heads, query stride, downsample keys?, its kernel, its stride, stride]``.
AttentionBlock = Annotated[
    tuple[
        Annotated[Literal["mmqa"], AnyCase],
        PositiveInt,
        PositiveInt,
        PositiveInt,
        PositiveInt | None,
        bool,
        Kernel | None,
        PositiveInt | None,
        Annotated[int, Field(ge=1, le=1)],
    ],
    Listed,
    Tag("mmqa"),
]


def first_word(value: Any) -> str | None:
    """Return the lower-case word that a block begins with, None where there is none."""
    word = value[0] if isinstance(value, list | tuple) and value else None
    return word.strip().lower() if isinstance(word, str) else None


Block = Annotated[
    ConvBlock | FusedBlock | InvertedBlock | AttentionBlock,
    Discriminator(
        first_word,
        custom_error_type="kind",
        custom_error_message="must be a list that begins with conv, fi, uir or mmqa",
    ),
]
Stage = Annotated[tuple[Block, ...], Listed, Field(min_length=1)]


class MobileNetV4Params(Section):
    """Values of the whole MobileNetV4."""

    stem_out_channel: PositiveInt = Field(32, description="Channels of the stem.")
    stem_kernel_size: Kernel = Field(3, description="Kernel of the stem.")
    stem_stride: PositiveInt = Field(2, description="Stride of the stem.")
    final_conv_out_channel: PositiveInt = Field(960, description="Channels of the last convolution.")
    final_conv_kernel_size: Kernel = Field(1, description="Kernel of the last convolution.")
    final_conv_stride: PositiveInt = Field(1, description="Stride of the last convolution.")
    norm_type: Norm = Field("batch_norm", description="Norm layer.")
    act_type: Activation = Field("relu", description="Activation.")
    return_stage_idx: StageIndexes | None = Field(
        None, description="Stages whose features go to the neck or head; null: the last."
    )
    layer_scale: Positive | None = Field(0.1, description="First value of the layer scales; null: none.")


class MobileNetV4(BackboneBase):
    """MobileNetV4 (Qin et al., 2024)."""

    name: Literal["mobilenetv4"] = "mobilenetv4"
    params: MobileNetV4Params = Field(MobileNetV4Params(), description="Whole network.")
    stage_params: Annotated[tuple[Stage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages: lists of blocks `[conv, channels, kernel, stride]`, `[fi, channels, hidden, "
        "kernel, stride]`, `[uir, channels, hidden, first?, kernel, middle?, kernel, stride]`, "
        "`[mmqa, channels, attention, heads, query stride, downsample?, kernel, stride, 1]`."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: the stem's, then those of the blocks."""
        factors = [math.prod(int(str(block[-1])) for block in stage) for stage in self.stage_params]
        factors[-1] *= self.params.final_conv_stride
        return cumulative(self.params.stem_stride, factors)
