"""Necks, one model each: they join the features of several stages."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, Tag, model_validator

from kubepresso.config.base import (
    AnyCase,
    Int,
    Listed,
    NaturalInt,
    Positive,
    PositiveInt,
    Section,
    by_kind,
    by_name,
)
from kubepresso.config.model.common import Activation, Dropout, Multiplier

_DENSE = ("segmentation", "detection", "pose_estimation")


class NeckBase(Section):
    """What every neck has."""

    name: str
    #: Tasks whose heads take several features.
    tasks: ClassVar[tuple[str, ...]] = _DENSE
    #: Whether it joins features by doubling their sides, which must then fit exactly.
    doubles: ClassVar[bool] = True
    #: How many features it joins; None: any number.
    features: ClassVar[int | None] = None


class FPNParams(Section):
    """Values of the FPN."""

    num_outs: PositiveInt = Field(4, description="Features that come out.")
    start_level: NaturalInt = Field(0, description="First feature that is taken.")
    end_level: Annotated[Int, Field(ge=-1)] = Field(
        -1, description="Last feature that is taken; -1: the last."
    )
    add_extra_convs: Annotated[
        Annotated[bool, Tag("flag")]
        | Annotated[Literal["on_input", "on_lateral", "on_output"], AnyCase, Tag("source")],
        by_kind(
            "must be true, false, on_input, on_lateral or on_output",
            allow_bool=True,
            flag=(bool,),
            source=(str,),
        ),
    ] = Field(False, description="Convolutions for features beyond the backbone's; true: `on_input`.")
    relu_before_extra_convs: bool = Field(False, description="ReLU before them.")

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        if self.end_level != -1 and self.num_outs != self.end_level - self.start_level + 1:
            levels = self.end_level - self.start_level + 1
            raise ValueError(
                f"num_outs must be the levels from start_level to end_level, {levels}, found {self.num_outs}"
            )
        return self


class FPN(NeckBase):
    """Feature pyramid network (Lin et al., 2016)."""

    name: Literal["fpn"] = "fpn"
    doubles: ClassVar[bool] = False
    params: FPNParams = Field(FPNParams(), description="Values of the neck.")


class LightFPNParams(Section):
    """Values of the light FPN."""

    out_channels: PositiveInt = Field(72, description="Channels that come out.")


class LightFPN(NeckBase):
    """The light pyramid of YOLO-FastestV2."""

    name: Literal["lightfpn"] = "lightfpn"
    features: ClassVar[int | None] = 2
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    params: LightFPNParams = Field(LightFPNParams(), description="Values of the neck.")


class YOLOPAFPNParams(Section):
    """Values of the path aggregation network."""

    depthwise: bool = Field(False, description="Depthwise separable convolutions.")
    dep_mul: Multiplier = Field(1.0, description="Factor of all numbers of blocks.")
    act_type: Activation = Field("silu", description="Activation.")


class YOLOPAFPN(NeckBase):
    """Path aggregation network, as in YOLOX (Ge et al., 2021)."""

    name: Literal["yolopafpn"] = "yolopafpn"
    features: ClassVar[int | None] = 3
    params: YOLOPAFPNParams = Field(YOLOPAFPNParams(), description="Values of the neck.")


class YOLOv9FPNParams(Section):
    """Values of YOLOv9's neck."""

    repeat_num: PositiveInt = Field(1, description="Blocks in each part.")
    act_type: Activation = Field("silu", description="Activation.")
    use_aux_loss: bool = Field(False, description="Features for an auxiliary head.")
    bu_type: Annotated[Literal["aconv", "adown"], AnyCase] = Field(
        "adown", description="Block that goes down."
    )
    spp_channels: PositiveInt = Field(description="Channels of the spatial pooling.")
    n4_channels: PositiveInt = Field(description="Channels on the way up, stride 16.")
    p3_channels: PositiveInt = Field(description="Channels that come out, stride 8.")
    p3_to_p4_channels: PositiveInt = Field(description="Channels from stride 8 down to 16.")
    p4_channels: PositiveInt = Field(description="Channels that come out, stride 16.")
    p4_to_p5_channels: PositiveInt = Field(description="Channels from stride 16 down to 32.")
    p5_channels: PositiveInt = Field(description="Channels that come out, stride 32.")


class YOLOv9FPN(NeckBase):
    """Neck of YOLOv9 (Wang et al., 2024)."""

    name: Literal["yolov9fpn"] = "yolov9fpn"
    features: ClassVar[int | None] = 3
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    params: YOLOv9FPNParams = Field(description="Values of the neck.")


class HybridEncoderParams(Section):
    """Values of the hybrid encoder."""

    hidden_dim: PositiveInt = Field(256, description="Channels.")
    use_encoder_idx: Annotated[tuple[NaturalInt, ...], Listed] = Field(
        (2,), description="Features that go through attention."
    )
    num_encoder_layers: PositiveInt = Field(1, description="Layers of attention.")
    pe_temperature: Positive = Field(10000, description="Temperature of the position embedding.")
    num_attention_heads: PositiveInt = Field(8, description="Attention heads.")
    dim_feedforward: PositiveInt = Field(1024, description="Channels inside the feed-forward parts.")
    dropout: Dropout = Field(0.0, description="Dropout.")
    attn_act_type: Activation = Field("gelu", description="Activation in the attention layers.")
    expansion: Multiplier = Field(1.0, description="Factor of the channels inside the blocks.")
    depth_mult: Multiplier = Field(1.0, description="Factor of the numbers of blocks.")
    conv_act_type: Activation = Field("silu", description="Activation of the convolutions.")

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.hidden_dim % self.num_attention_heads or self.hidden_dim % 4:
            raise ValueError(
                f"hidden_dim must be a multiple of 4 and of num_attention_heads, found {self.hidden_dim} and "
                f"{self.num_attention_heads}"
            )
        return self


class HybridEncoder(NeckBase):
    """Hybrid encoder of RT-DETR (Zhao et al., 2023)."""

    name: Literal["rtdetr_hybrid_encoder"] = "rtdetr_hybrid_encoder"
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    params: HybridEncoderParams = Field(HybridEncoderParams(), description="Values of the neck.")


Neck = Annotated[FPN | LightFPN | YOLOPAFPN | YOLOv9FPN | HybridEncoder, *by_name()]
