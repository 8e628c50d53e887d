"""Heads, one model each."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import (
    HeightWidth,
    Listed,
    NaturalInt,
    Positive,
    PositiveInt,
    Section,
    by_name,
    null_means,
)
from kubepresso.config.model.common import Activation, Dropout, Kernel, Norm, Share


class HeadBase(Section):
    """What every head has."""

    name: str
    tasks: ClassVar[tuple[str, ...]] = ("detection",)


class FCParams(Section):
    """Values of the fully connected head."""

    num_layers: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="Layers, the classifier among them."
    )
    intermediate_channels: PositiveInt | None = Field(
        None, description="Channels between the layers; must be given where there are two layers or more."
    )
    act_type: Activation | None = Field(None, description="Activation between the layers; null: none.")
    dropout_prob: Dropout = Field(0.0, description="Dropout before the classifier.")

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        if self.num_layers > 1 and self.intermediate_channels is None:
            raise ValueError("intermediate_channels is missing: two layers or more need it")
        return self


_FC = FCParams()


class FC(HeadBase):
    """Global average and fully connected layers."""

    name: Literal["fc"] = "fc"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    name_optional: ClassVar[bool] = True
    params: Annotated[FCParams, null_means(_FC, FCParams)] = Field(_FC, description="Values of the head.")


class FCConvParams(FCParams):
    """Values of the head with 1x1 convolutions."""

    norm_type: Norm | None = Field("batch_norm", description="Norm layer between the layers; null: none.")


_FC_CONV = FCConvParams()


class FCConv(HeadBase):
    """Global average and 1x1 convolutions, the last of them the classifier."""

    name: Literal["fc_conv"] = "fc_conv"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    params: Annotated[FCConvParams, null_means(_FC_CONV, FCConvParams)] = Field(
        _FC_CONV, description="Values of the head."
    )


class AllMLPDecoderParams(Section):
    """Values of the MLP decoder."""

    intermediate_channels: PositiveInt = Field(256, description="Channels to which all features are brought.")
    classifier_dropout_prob: Dropout = Field(0.0, description="Dropout before the classifier.")
    resize_output: HeightWidth | None = Field(
        None, description="`[height, width]` of the output; null: that of the input."
    )


class AllMLPDecoder(HeadBase):
    """The decoder of SegFormer (Xie et al., 2021)."""

    name: Literal["all_mlp_decoder"] = "all_mlp_decoder"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    params: AllMLPDecoderParams = Field(AllMLPDecoderParams(), description="Values of the head.")


class AnchorDecoupledParams(Section):
    """Values of the head with anchors."""

    anchor_sizes: Annotated[
        tuple[Annotated[tuple[Positive, ...], Listed, Field(min_length=1)], ...], Listed, Field(min_length=1)
    ] = Field(((32,), (64,), (128,), (256,)), description="Sides of the anchors of each feature, in pixels.")
    aspect_ratios: Annotated[tuple[Positive, ...], Listed, Field(min_length=1)] = Field(
        (0.5, 1.0, 2.0), description="Heights by widths of the anchors."
    )
    num_layers: PositiveInt = Field(1, description="Convolutions before the outputs.")
    norm_type: Norm = Field("batch_norm", description="Norm layer.")


class AnchorDecoupledHead(HeadBase):
    """Classes and boxes for anchors, as in RetinaNet (Lin et al., 2017)."""

    name: Literal["anchor_decoupled_head"] = "anchor_decoupled_head"
    params: AnchorDecoupledParams = Field(AnchorDecoupledParams(), description="Values of the head.")


class AnchorFreeDecoupledParams(Section):
    """Values of YOLOX's head."""

    depthwise: bool = Field(False, description="Depthwise separable convolutions.")
    act_type: Activation = Field("silu", description="Activation.")


class AnchorFreeDecoupledHead(HeadBase):
    """Classes, objectness and boxes without anchors, as in YOLOX (Ge et al., 2021)."""

    name: Literal["anchor_free_decoupled_head"] = "anchor_free_decoupled_head"
    params: AnchorFreeDecoupledParams = Field(AnchorFreeDecoupledParams(), description="Values of the head.")


def check_anchors(anchors: tuple[tuple[float, ...], ...]) -> None:
    """Check that anchors are pairs of width and height, equally many for each feature.

    Raises:
        ValueError: They are not.
    """
    counts = {len(level) for level in anchors}
    if len(counts) > 1 or any(count % 2 or not count for count in counts):
        found = ", ".join(str(len(level)) for level in anchors)
        raise ValueError(
            f"anchors must be pairs w, h and equally many for each feature, found {found} numbers"
        )


#: For each feature ``w, h, w, h, ...`` in pixels.
Anchors = Annotated[tuple[Annotated[tuple[Positive, ...], Listed], ...], Listed, Field(min_length=1)]
YOLO_FASTEST_ANCHORS = ((12.0, 18.0, 37.0, 49.0, 52.0, 132.0), (115.0, 73.0, 119.0, 199.0, 242.0, 238.0))


class YOLOFastestParams(Section):
    """Values of YOLO-FastestV2's head."""

    anchors: Anchors = Field(
        YOLO_FASTEST_ANCHORS, description="Anchors of each feature: w, h, w, h, and so on."
    )

    @model_validator(mode="after")
    def _check_anchors(self) -> Self:
        check_anchors(self.anchors)
        return self


class YOLOFastestHeadV2(HeadBase):
    """Head of YOLO-FastestV2."""

    name: Literal["yolo_fastest_head_v2"] = "yolo_fastest_head_v2"
    params: YOLOFastestParams = Field(YOLOFastestParams(), description="Values of the head.")


class YOLODetectionParams(Section):
    """Values of YOLOv9's head."""

    version: Literal["v9"] = Field("v9", description="Version.")
    num_anchors: PositiveInt | None = Field(
        None, description="Accepted for compatibility; there are no anchors."
    )
    use_group: bool = Field(True, description="Grouped convolutions.")
    reg_max: PositiveInt = Field(16, description="Bins of the distance to each side.")
    act_type: Activation = Field("silu", description="Activation.")
    use_aux_loss: bool = Field(False, description="Auxiliary head in training.")


class YOLODetectionHead(HeadBase):
    """Head of YOLOv9 (Wang et al., 2024)."""

    name: Literal["yolo_detection_head"] = "yolo_detection_head"
    params: YOLODetectionParams = Field(YOLODetectionParams(), description="Values of the head.")


class RTDETRParams(Section):
    """Values of RT-DETR's decoder."""

    hidden_dim: PositiveInt = Field(256, description="Channels.")
    num_attention_heads: PositiveInt = Field(8, description="Attention heads.")
    num_levels: PositiveInt = Field(3, description="Features.")
    num_queries: PositiveInt = Field(300, description="Queries: objects that can be found in an image.")
    eps: Positive = Field(1e-2, description="Distance of the first boxes from the edge.")
    num_decoder_layers: PositiveInt = Field(6, description="Layers.")
    eval_spatial_size: HeightWidth | None = Field(
        None, description="`[height, width]` for which anchors are made in advance; null: for each input."
    )
    position_embed_type: Literal["sine", "learned"] = Field("sine", description="Position embedding.")
    num_decoder_points: PositiveInt = Field(4, description="Points that are looked at.")
    dim_feedforward: PositiveInt = Field(1024, description="Channels inside the feed-forward parts.")
    dropout: Dropout = Field(0.0, description="Dropout.")
    act_type: Activation = Field("relu", description="Activation.")
    num_denoising: NaturalInt = Field(100, description="Queries with noise in training.")
    label_noise_ratio: Share = Field(0.5, description="Share of them with another label.")
    use_aux_loss: bool = Field(True, description="Loss after every layer.")

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.hidden_dim % self.num_attention_heads:
            raise ValueError(
                f"hidden_dim must be a multiple of num_attention_heads, found {self.hidden_dim} and "
                f"{self.num_attention_heads}"
            )
        return self


class RTDETRHead(HeadBase):
    """Decoder of RT-DETR (Zhao et al., 2023)."""

    name: Literal["rtdetr_head"] = "rtdetr_head"
    params: RTDETRParams = Field(RTDETRParams(), description="Values of the head.")


class RTMCCParams(Section):
    """Values of RTMPose's head."""

    conv_kernel: Kernel = Field(7, description="Kernel of the last convolution.")
    attention_channels: PositiveInt = Field(256, description="Channels of the attention.")
    attention_act_type: Activation = Field("silu", description="Activation in the attention.")
    attention_pos_enc: bool = Field(False, description="Position encoding in the attention.")
    s: PositiveInt = Field(128, description="Channels of queries and keys.")
    expansion_factor: Positive = Field(2, description="Factor of the channels inside the attention.")
    dropout_rate: Dropout = Field(0.0, description="Dropout.")
    drop_path: Dropout = Field(0.0, description="Probability of leaving the attention out.")
    use_rel_bias: bool = Field(False, description="Bias by relative place.")
    simcc_split_ratio: Positive = Field(2.0, description="Bins of each pixel.")
    target_size: HeightWidth = Field((256, 256), description="`[height, width]` of the input.")
    backbone_stride: PositiveInt = Field(32, description="Stride of the backbone.")

    @model_validator(mode="after")
    def _check_stride(self) -> Self:
        if any(side % self.backbone_stride for side in self.target_size):
            raise ValueError(
                f"target_size must have multiples of backbone_stride, found {list(self.target_size)} and "
                f"{self.backbone_stride}"
            )
        return self


class RTMCC(HeadBase):
    """Head of RTMPose (Jiang et al., 2023)."""

    name: Literal["rtmcc"] = "rtmcc"
    tasks: ClassVar[tuple[str, ...]] = ("pose_estimation",)
    params: RTMCCParams = Field(RTMCCParams(), description="Values of the head.")


Head = Annotated[
    FC
    | FCConv
    | AllMLPDecoder
    | AnchorDecoupledHead
    | AnchorFreeDecoupledHead
    | YOLOFastestHeadV2
    | YOLODetectionHead
    | RTDETRHead
    | RTMCC,
    *by_name(default="fc"),
]
