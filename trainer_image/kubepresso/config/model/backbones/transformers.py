"""Backbones with attention: MixTransformer, MobileViT, ViT, EfficientFormer."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AliasChoices, Field, Tag, model_validator

from kubepresso.config.base import Listed, NaturalInt, Positive, PositiveInt, Section, by_kind
from kubepresso.config.model.common import Activation, BackboneBase, Dropout, PositiveInts, Stride, cumulative


def check_heads(channels: int, heads: int) -> None:
    """Check that the channels of an attention can be shared out among its heads.

    Raises:
        ValueError: They cannot.
    """
    if channels % heads:
        raise ValueError(f"{channels} attention channels cannot be shared out among {heads} heads")


class MixTransformerParams(Section):
    """Values of the whole MixTransformer."""

    ffn_intermediate_expansion_ratio: Positive = Field(
        4, description="Factor of the channels inside the feed-forward parts."
    )
    ffn_act_type: Activation = Field("gelu", description="Activation of the feed-forward parts.")
    ffn_dropout_prob: Dropout = Field(0.0, description="Dropout in the feed-forward parts.")
    attention_dropout_prob: Dropout = Field(0.0, description="Dropout in the attention.")


class MixTransformerStage(Section):
    """One stage of a MixTransformer."""

    num_blocks: PositiveInt = Field(description="Blocks.")
    sequence_reduction_ratio: PositiveInt = Field(description="Reduction of keys and values, by side.")
    attention_channels: PositiveInt = Field(
        validation_alias=AliasChoices("attention_channels", "attention_chananels"), description="Channels."
    )
    embedding_patch_sizes: PositiveInt = Field(description="Side of the patches.")
    embedding_strides: PositiveInt = Field(description="Step from patch to patch.")
    num_attention_heads: PositiveInt = Field(description="Attention heads.")

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        check_heads(self.attention_channels, self.num_attention_heads)
        return self


class MixTransformer(BackboneBase):
    """MixTransformer, the encoder of SegFormer (Xie et al., 2021)."""

    name: Literal["mixtransformer"] = "mixtransformer"
    params: MixTransformerParams = Field(MixTransformerParams(), description="Whole network.")
    stage_params: Annotated[tuple[MixTransformerStage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides of the patch embeddings, multiplied up."""
        return cumulative(1, [stage.embedding_strides for stage in self.stage_params])


class MobileViTParams(Section):
    """Values of the whole MobileViT."""

    patch_size: PositiveInt = Field(2, description="Side of the patches, in the features.")
    num_attention_heads: PositiveInt = Field(4, description="Attention heads.")
    attention_dropout_prob: Dropout = Field(0.1, description="Dropout in the attention.")
    ffn_dropout_prob: Dropout = Field(0.0, description="Dropout in the feed-forward parts.")
    output_expansion_ratio: PositiveInt = Field(4, description="Factor of the last channels, up to 960.")
    use_fusion_layer: bool = Field(True, description="Convolution that joins a block's input and output.")


class MobileViTStage(Section):
    """One stage of a MobileViT; the last three keys are for the block type `mobilevit`."""

    block_type: Literal["mv2", "mobilevit"] = Field(description="Block.")
    out_channels: PositiveInt = Field(description="Output channels.")
    num_blocks: PositiveInt = Field(description="Blocks.")
    stride: Stride = Field(description="Stride of the first block.")
    ir_expansion_ratio: PositiveInt = Field(
        4, description="Factor of the channels inside inverted residuals."
    )
    attention_channels: PositiveInt | None = Field(None, description="Channels of the attention.")
    ffn_intermediate_channels: PositiveInt | None = Field(
        None, description="Channels inside the feed-forward parts."
    )
    dilate: bool = Field(False, description="Dilate instead of striding.")

    @model_validator(mode="after")
    def _check_block(self) -> Self:
        missing = [
            key
            for key in ("attention_channels", "ffn_intermediate_channels")
            if self.block_type == "mobilevit" and getattr(self, key) is None
        ]
        if missing:
            raise ValueError(f"{' and '.join(missing)} missing: the block type mobilevit needs it")
        return self


class MobileViT(BackboneBase):
    """MobileViT (Mehta and Rastegari, 2021)."""

    name: Literal["mobilevit"] = "mobilevit"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    params: MobileViTParams = Field(MobileViTParams(), description="Whole network.")
    stage_params: Annotated[tuple[MobileViTStage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        for stage in self.stage_params:
            check_heads(stage.attention_channels or 0, self.params.num_attention_heads)
        return self

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: a stem of 2, then those of the stages that do not dilate."""
        return cumulative(2, [1 if stage.dilate else stage.stride for stage in self.stage_params])

    def side_multiple(self) -> int:
        """Return the sides for which every attention stage has whole patches."""
        pairs = zip(self.stage_params, self.stage_strides(), strict=True)
        patches = [stride for stage, stride in pairs if stage.block_type == "mobilevit"]
        return math.lcm(*(stride * self.params.patch_size for stride in patches))


class ViTParams(Section):
    """Values of the whole ViT."""

    patch_size: PositiveInt = Field(16, description="Side of the patches.")
    attention_channels: Annotated[
        Annotated[PositiveInt, Tag("number")] | Annotated[PositiveInts, Tag("list")],
        by_kind("must be an integer or a list of integers, one a block", number=(int,), list=(list, tuple)),
    ] = Field(192, description="Channels, or a list with those of each block.")
    num_blocks: PositiveInt = Field(12, description="Blocks.")
    num_attention_heads: PositiveInt = Field(3, description="Attention heads.")
    attention_dropout_prob: Dropout = Field(0.0, description="Dropout in the attention.")
    ffn_intermediate_channels: PositiveInt = Field(768, description="Channels inside the feed-forward parts.")
    ffn_dropout_prob: Dropout = Field(0.1, description="Dropout in the feed-forward parts.")
    use_cls_token: bool = Field(True, description="Class token; false: the mean of all.")
    vocab_size: PositiveInt = Field(1000, description="Most places that can be told apart.")

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        every = self.attention_channels
        for channels in (every,) if isinstance(every, int) else every:
            check_heads(channels, self.num_attention_heads)
        return self


class ViT(BackboneBase):
    """Vision transformer (Dosovitskiy et al., 2020)."""

    name: Literal["vit"] = "vit"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    params: ViTParams = Field(ViTParams(), description="Whole network.")
    stage_params: None = Field(None, description="Always null.")

    def stage_strides(self) -> tuple[int, ...]:
        """Return the side of the patches."""
        return (self.params.patch_size,)


class EfficientFormerParams(Section):
    """Values of the whole EfficientFormer."""

    num_attention_heads: PositiveInt = Field(8, description="Attention heads.")
    attention_channels: PositiveInt = Field(256, description="Channels of queries and keys, of all heads.")
    attention_dropout_prob: Dropout = Field(0.0, description="Dropout in the attention.")
    attention_value_expansion_ratio: PositiveInt = Field(
        4, description="Channels of values by those of keys."
    )
    ffn_intermediate_ratio: PositiveInt = Field(
        4, description="Factor of the channels inside feed-forward parts."
    )
    ffn_dropout_prob: Dropout = Field(0.0, description="Dropout in the feed-forward parts.")
    ffn_act_type: Activation = Field("gelu", description="Activation of the feed-forward parts.")
    vit_num: NaturalInt = Field(1, description="Last blocks with attention.")

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        check_heads(self.attention_channels, self.num_attention_heads)
        return self


class EfficientFormerStage(Section):
    """One stage of an EfficientFormer."""

    num_blocks: PositiveInt = Field(description="Blocks.")
    channels: PositiveInt = Field(description="Channels.")


class EfficientFormer(BackboneBase):
    """EfficientFormer (Li et al., 2022)."""

    name: Literal["efficientformer"] = "efficientformer"
    params: EfficientFormerParams = Field(EfficientFormerParams(), description="Whole network.")
    stage_params: Annotated[tuple[EfficientFormerStage, ...], Listed, Field(min_length=1)] = Field(
        description="Stages."
    )

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides: a stem of 4, then 2 from stage to stage."""
        return cumulative(4, [1] + [2] * (len(self.stage_params) - 1))
