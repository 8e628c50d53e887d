"""Losses, one model each, summed with their weights."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import (
    Int,
    Listed,
    NaturalInt,
    NonNegative,
    PositiveInt,
    Probability,
    Section,
    by_name,
    null_means,
)
from kubepresso.config.model.heads import YOLO_FASTEST_ANCHORS, Anchors, check_anchors


class LossBase(Section):
    """What every loss has."""

    criterion: str
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    #: Heads, or networks without one, whose outputs it reads; empty: every head of the task.
    heads: ClassVar[tuple[str, ...]] = ()
    weight: Annotated[float, Field(ge=0), null_means(1.0, NonNegative)] = Field(
        1.0, description="Factor in the sum of the losses; null: 1."
    )


class CrossEntropy(LossBase):
    """Cross entropy."""

    criterion: Literal["cross_entropy"] = "cross_entropy"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    label_smoothing: Probability = Field(0.0, description="Part of the target spread over all classes.")
    ignore_index: Int = Field(-100, description="Label without loss.")


class FocalLoss(LossBase):
    """Focal loss (Lin et al., 2017)."""

    criterion: Literal["focal_loss"] = "focal_loss"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    alpha: Probability | None = Field(None, description="Balance factor; null: 1.")
    gamma: NonNegative = Field(2.0, description="Focus on what is hard.")


class SegCrossEntropy(LossBase):
    """Cross entropy of every pixel."""

    criterion: Literal["seg_cross_entropy"] = "seg_cross_entropy"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    heads: ClassVar[tuple[str, ...]] = ("all_mlp_decoder",)
    ignore_index: Int = Field(255, description="Label without loss.")


class PIDNetLoss(LossBase):
    """Loss of PIDNet: classes, boundaries, and classes at boundaries."""

    criterion: Literal["pidnet_loss"] = "pidnet_loss"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    heads: ClassVar[tuple[str, ...]] = ("pidnet",)
    ignore_index: Int = Field(255, description="Label without loss.")


class _L1Loss(LossBase):
    l1_activate_epoch: NaturalInt | None = Field(
        None, description="Epoch from which the L1 loss of boxes joins in; null: never."
    )


class YOLOXLoss(_L1Loss):
    """Loss of YOLOX (Ge et al., 2021)."""

    criterion: Literal["yolox_loss"] = "yolox_loss"
    heads: ClassVar[tuple[str, ...]] = ("anchor_free_decoupled_head",)


class YOLOFastestLoss(_L1Loss):
    """Loss of YOLO-FastestV2."""

    criterion: Literal["yolofastest_loss"] = "yolofastest_loss"
    heads: ClassVar[tuple[str, ...]] = ("yolo_fastest_head_v2",)
    anchors: Anchors = Field(YOLO_FASTEST_ANCHORS, description="Those of the head.")

    @model_validator(mode="after")
    def _check_anchors(self) -> Self:
        check_anchors(self.anchors)
        return self


class YOLOv9Loss(_L1Loss):
    """Loss of YOLOv9 (Wang et al., 2024)."""

    criterion: Literal["yolov9_loss"] = "yolov9_loss"
    heads: ClassVar[tuple[str, ...]] = ("yolo_detection_head",)
    reg_max: PositiveInt = Field(16, description="That of the head.")


class RetinaNetLoss(LossBase):
    """Loss of RetinaNet (Lin et al., 2017)."""

    criterion: Literal["retinanet_loss"] = "retinanet_loss"
    heads: ClassVar[tuple[str, ...]] = ("anchor_decoupled_head",)


class MatcherWeights(Section):
    """Weights of the costs by which boxes are matched; not all may be 0."""

    cost_class: NonNegative = Field(2, description="Of the class.")
    cost_bbox: NonNegative = Field(5, description="Of the distance of the boxes.")
    cost_giou: NonNegative = Field(2, description="Of their overlap.")

    @model_validator(mode="after")
    def _check_some(self) -> Self:
        if self.cost_class == self.cost_bbox == self.cost_giou == 0:
            raise ValueError("one weight at least must be greater than 0")
        return self


class Matcher(Section):
    """How predictions and boxes are matched."""

    type: Literal["HungarianMatcher"] = Field("HungarianMatcher", description="Optimal assignment.")
    weight_dict: MatcherWeights = Field(MatcherWeights(), description="Weights of the costs.")
    alpha: Probability = Field(0.25, description="Balance factor of the focal cost.")
    gamma: NonNegative = Field(2.0, description="Focus of the focal cost.")
    use_focal_loss: bool = Field(True, description="Focal cost of the class; false: its probability.")


class DETRWeights(Section):
    """Weights of the parts of RT-DETR's loss; null: not used."""

    loss_vfl: NonNegative | None = Field(None, description="Varifocal loss.")
    loss_bbox: NonNegative | None = Field(None, description="Distance of the boxes.")
    loss_giou: NonNegative | None = Field(None, description="Overlap of the boxes.")
    loss_ce: NonNegative | None = Field(None, description="Cross entropy.")
    loss_focal: NonNegative | None = Field(None, description="Focal loss.")


Part = Literal["vfl", "boxes", "labels", "focal", "cardinality"]


class DETRLoss(LossBase):
    """Loss of RT-DETR (Zhao et al., 2023)."""

    criterion: Literal["detr_loss"] = "detr_loss"
    heads: ClassVar[tuple[str, ...]] = ("rtdetr_head",)
    weight_dict: DETRWeights = Field(
        DETRWeights(loss_vfl=1, loss_bbox=5, loss_giou=2), description="Weights of the parts."
    )
    losses: Annotated[tuple[Part, ...], Listed, Field(min_length=1)] = Field(
        ("vfl", "boxes"), description="Parts."
    )
    alpha: Probability = Field(0.75, description="Balance factor.")
    gamma: NonNegative = Field(2.0, description="Focus on what is hard.")
    matcher: Matcher = Field(Matcher(), description="How predictions and boxes are matched.")


class RTMCCLoss(LossBase):
    """Loss of RTMPose (Jiang et al., 2023)."""

    criterion: Literal["rtmcc_loss"] = "rtmcc_loss"
    tasks: ClassVar[tuple[str, ...]] = ("pose_estimation",)
    heads: ClassVar[tuple[str, ...]] = ("rtmcc",)


Loss = Annotated[
    CrossEntropy
    | FocalLoss
    | SegCrossEntropy
    | PIDNetLoss
    | YOLOXLoss
    | YOLOFastestLoss
    | YOLOv9Loss
    | RetinaNetLoss
    | DETRLoss
    | RTMCCLoss,
    *by_name("criterion"),
]
