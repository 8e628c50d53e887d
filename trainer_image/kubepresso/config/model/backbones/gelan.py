"""GELAN, whose stages are lists of blocks and whose blocks are short lists."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from kubepresso.config.base import AnyCase, Listed, PositiveInt, Section
from kubepresso.config.model.backbones.mobilenetv4 import ConvBlock, first_word
from kubepresso.config.model.common import Activation, BackboneBase, Kernel, StageIndexes, cumulative

#: ``[elan, out_channels, part_channels, use_identity]``.
ElanBlock = Annotated[
    tuple[Annotated[Literal["elan"], AnyCase], PositiveInt, PositiveInt, bool], Listed, Tag("elan")
]
#: ``[repncspelan, out_channels, part_channels, use_identity, depth]``.
RepBlock = Annotated[
    tuple[Annotated[Literal["repncspelan"], AnyCase], PositiveInt, PositiveInt, bool, PositiveInt],
    Listed,
    Tag("repncspelan"),
]
#: ``[sppelan, out_channels, hidden_channels]``.
PoolingBlock = Annotated[
    tuple[Annotated[Literal["sppelan"], AnyCase], PositiveInt, PositiveInt], Listed, Tag("sppelan")
]
#: ``[aconv, out_channels]``: halves the sides.
AConvBlock = Annotated[tuple[Annotated[Literal["aconv"], AnyCase], PositiveInt], Listed, Tag("aconv")]
#: ``[adown, out_channels]``: halves the sides.
ADownBlock = Annotated[tuple[Annotated[Literal["adown"], AnyCase], PositiveInt], Listed, Tag("adown")]
Block = Annotated[
    ConvBlock | ElanBlock | RepBlock | PoolingBlock | AConvBlock | ADownBlock,
    Discriminator(
        first_word,
        custom_error_type="kind",
        custom_error_message="must be a list that begins with conv, elan, repncspelan, sppelan, aconv "
        "or adown",
    ),
]
Stage = Annotated[tuple[Block, ...], Listed, Field(min_length=1)]


class GelanParams(Section):
    """Values of the whole GELAN."""

    stem_out_channels: PositiveInt = Field(64, description="Channels of the stem.")
    stem_kernel_size: Kernel = Field(3, description="Kernel of the stem.")
    stem_stride: PositiveInt = Field(2, description="Stride of the stem.")
    return_stage_idx: StageIndexes | None = Field(
        None, description="Stages whose features go to the neck or head; null: the last."
    )
    act_type: Activation = Field("silu", description="Activation.")


class Gelan(BackboneBase):
    """GELAN (YOLOv9, Wang et al., 2024)."""

    name: Literal["gelan"] = "gelan"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "detection")
    params: GelanParams = Field(GelanParams(), description="Whole network.")
    stage_params: Annotated[tuple[Stage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages: lists of blocks `[conv, channels, kernel, stride]`, `[elan, channels, part, "
        "identity?]`, `[repncspelan, channels, part, identity?, depth]`, `[sppelan, channels, hidden]`, "
        "`[aconv, channels]`, `[adown, channels]`."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: the stem's, then 2 for each block that halves the sides."""

        def stride(block: Block) -> int:
            return block[3] if block[0] == "conv" else 2 if block[0] in ("aconv", "adown") else 1

        factors = [math.prod(map(stride, stage)) for stage in self.stage_params]
        return cumulative(self.params.stem_stride, factors)
