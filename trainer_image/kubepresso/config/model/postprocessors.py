"""Post-processing: how a head's outputs become results. The head decides which keys there are."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from kubepresso.config.base import Positive, PositiveInt, Section
from kubepresso.config.model.common import Share
from kubepresso.config.model.heads import YOLO_FASTEST_ANCHORS, Anchors, check_anchors


class PlainParams(Section):
    """What older files say with heads whose outputs are the results."""

    topk_max: PositiveInt | None = Field(None, description="Read and left alone.")


class Postprocessor(Section):
    """Without an effect, for heads whose outputs are the results."""

    params: PlainParams | None = Field(None, description="Values.")


class AnchorFreeParams(Section):
    """With the head `anchor_free_decoupled_head`."""

    score_thresh: Share = Field(0.01, description="Least score of a box.")
    nms_thresh: Share = Field(0.65, description="Overlap above which the lower score is dropped.")
    class_agnostic: bool = Field(False, description="Whether boxes of different classes drop one another.")


class AnchorFreePostprocessor(Section):
    """With the head `anchor_free_decoupled_head`."""

    params: AnchorFreeParams = Field(AnchorFreeParams(), description="Values.")


class AnchorParams(Section):
    """With the head `anchor_decoupled_head`."""

    topk_candidates: PositiveInt = Field(1000, description="Boxes of the highest scores that are looked at.")
    score_thresh: Share = Field(0.05, description="Least score of a box.")
    nms_thresh: Share = Field(0.45, description="Overlap above which the lower score is dropped.")
    class_agnostic: bool = Field(False, description="Whether boxes of different classes drop one another.")


class AnchorPostprocessor(Section):
    """With the head `anchor_decoupled_head`."""

    params: AnchorParams = Field(AnchorParams(), description="Values.")


class YOLOFastestPostParams(AnchorFreeParams):
    """With the head `yolo_fastest_head_v2`."""

    anchors: Anchors = Field(YOLO_FASTEST_ANCHORS, description="Those of the head.")

    @model_validator(mode="after")
    def _check_anchors(self) -> Self:
        check_anchors(self.anchors)
        return self


class YOLOFastestPostprocessor(Section):
    """With the head `yolo_fastest_head_v2`."""

    params: YOLOFastestPostParams = Field(YOLOFastestPostParams(), description="Values.")


class YOLOv9PostParams(AnchorFreeParams):
    """With the head `yolo_detection_head`."""

    reg_max: PositiveInt = Field(16, description="That of the head.")


class YOLOv9Postprocessor(Section):
    """With the head `yolo_detection_head`."""

    params: YOLOv9PostParams = Field(YOLOv9PostParams(), description="Values.")


class RTDETRPostParams(Section):
    """With the head `rtdetr_head`."""

    num_top_queries: PositiveInt = Field(300, description="Boxes of the highest scores that are kept.")
    score_thresh: Share = Field(0.0, description="Least score of a box.")


class RTDETRPostprocessor(Section):
    """With the head `rtdetr_head`."""

    params: RTDETRPostParams = Field(RTDETRPostParams(), description="Values.")


class RTMCCPostParams(Section):
    """With the head `rtmcc`."""

    simcc_split_ratio: Positive = Field(2.0, description="That of the head.")


class RTMCCPostprocessor(Section):
    """With the head `rtmcc`."""

    params: RTMCCPostParams = Field(RTMCCPostParams(), description="Values.")


AnyPostprocessor = (
    Postprocessor
    | AnchorFreePostprocessor
    | AnchorPostprocessor
    | YOLOFastestPostprocessor
    | YOLOv9Postprocessor
    | RTDETRPostprocessor
    | RTMCCPostprocessor
)
#: By head; a head that is not here has nothing to set.
POSTPROCESSORS: dict[str, type[Section]] = {
    "anchor_free_decoupled_head": AnchorFreePostprocessor,
    "anchor_decoupled_head": AnchorPostprocessor,
    "yolo_fastest_head_v2": YOLOFastestPostprocessor,
    "yolo_detection_head": YOLOv9Postprocessor,
    "rtdetr_head": RTDETRPostprocessor,
    "rtmcc": RTMCCPostprocessor,
}


def postprocessor_of(architecture: Any) -> type[Section]:
    """Return the model of the post-processor that goes with an architecture.

    Args:
        architecture: The value of ``model.architecture``, as in the YAML or as a section.
    """
    if isinstance(architecture, Section):
        architecture = {"head": getattr(architecture, "head", None)}
    head = architecture.get("head") if isinstance(architecture, dict) else None
    name = head.get("name", "fc") if isinstance(head, dict) else getattr(head, "name", "")
    return POSTPROCESSORS.get(str(name).strip().lower(), Postprocessor)
