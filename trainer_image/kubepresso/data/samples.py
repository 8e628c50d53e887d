"""From a stored sample to tensors, as a recipe takes them."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.io import ImageReadMode, decode_image

from kubepresso.data.decoding import decode_rgb
from kubepresso.data.targets import ClassMask, Objects, Poses
from kubepresso.data.targets.segmentation import StoredMask

_Size = tuple[int, int]


def to_sample(task: str, image_bytes: bytes, target: Any, instance: int = 0) -> dict[str, Any]:
    """Decode an image and turn its target into tensors.

    Args:
        task: ``data.task``.
        image_bytes: The encoded image.
        target: The task's target, as read from prepared data or as a format makes it.
        instance: For pose estimation, which instance of the image.

    Returns:
        ``image`` (``tv_tensors.Image``, uint8 ``[3, height, width]``) and, by task,

        - classification: ``label`` (int)
        - detection: ``boxes`` (``tv_tensors.BoundingBoxes`` XYXY, float32 ``[n, 4]``), ``labels`` (int64
          ``[n]``), ``crowd`` (bool ``[n]``)
        - segmentation: ``mask`` (``tv_tensors.Mask``, uint8 ``[height, width]``)
        - pose_estimation: ``boxes`` (``[1, 4]``), ``keypoints`` (``tv_tensors.KeyPoints``, float32
          ``[k, 2]``), ``visibility`` (int64 ``[k]``)
    """
    image = decode_rgb(image_bytes)
    return {"image": image, **_target(task, target, tuple(image.shape[-2:]), instance)}


def instances(image_bytes: bytes, poses: Poses) -> list[dict[str, Any]]:
    """Return one sample for each instance of an image; see `to_sample`."""
    image = decode_rgb(image_bytes)
    size = tuple(image.shape[-2:])
    return [{"image": image, **_pose(poses, size, i)} for i in range(len(poses.boxes))]


def _target(task: str, target: Any, size: _Size, instance: int) -> dict[str, Any]:
    if task == "classification":
        return {"label": target}
    if task == "detection":
        return _objects(target, size)
    if task == "segmentation":
        return {"mask": _mask(target)}
    return _pose(target, size, instance)


def _objects(objects: Objects, size: _Size) -> dict[str, Any]:
    return {
        "boxes": _boxes(objects.boxes, size),
        "labels": torch.tensor(objects.labels, dtype=torch.int64),
        "crowd": torch.tensor(objects.crowd, dtype=torch.bool),
    }


def _mask(mask: ClassMask | StoredMask) -> tv_tensors.Mask:
    if isinstance(mask, StoredMask):
        encoded = torch.frombuffer(bytearray(mask.png), dtype=torch.uint8)
        return tv_tensors.Mask(decode_image(encoded, mode=ImageReadMode.UNCHANGED)[0])
    return tv_tensors.Mask(torch.tensor(mask.pixels))


def _pose(poses: Poses, size: _Size, instance: int) -> dict[str, Any]:
    keypoints = torch.tensor(poses.keypoints[instance])
    return {
        "boxes": _boxes(poses.boxes[instance : instance + 1], size),
        "keypoints": tv_tensors.KeyPoints(keypoints[:, :2].to(torch.float32), canvas_size=size),
        "visibility": keypoints[:, 2].to(torch.int64),
    }


def _boxes(boxes: Any, size: _Size) -> tv_tensors.BoundingBoxes:
    tensor = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return tv_tensors.BoundingBoxes(tensor, format="XYXY", canvas_size=size)
