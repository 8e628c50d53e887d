"""What the numbers are called in the report, and which of them are compared with the previous data's."""

from __future__ import annotations

from typing import NamedTuple


class Title(NamedTuple):
    """Of a distribution.

    Args:
        text: What is counted.
        note: What the bins mean, in a few words.
        compared: Whether a change of it is drift.
    """

    text: str
    note: str = ""
    compared: bool = True


DISTRIBUTIONS = {
    "images_per_class": Title("Images of each class"),
    "objects_per_class": Title("Objects of each class"),
    "pixels_per_class": Title("Pixels of each class"),
    "keypoints_visible": Title("Visible keypoints"),
    "keypoints_hidden": Title("Hidden keypoints"),
    "keypoints_missing": Title("Keypoints without a label"),
    "keypoints_labelled": Title("Labelled keypoints of an instance"),
    "objects_per_image": Title("Objects in an image"),
    "instances_per_image": Title("Instances in an image"),
    "classes_per_image": Title("Classes in an image"),
    "box_size": Title("Box size", "square root of the box's share of the image's area"),
    "box_area": Title("Box area", "as COCO: small below 32 × 32 pixels, large from 96 × 96", compared=False),
    "box_aspect": Title("Box aspect ratio", "width / height"),
    "image_size": Title("Image size", "square root of width × height, pixels"),
    "image_aspect": Title("Image aspect ratio", "width / height"),
    "brightness": Title("Brightness", "mean luma of an image, 0 to 255"),
    "red_share": Title("Share of red", "red / (red + green + blue), means of an image"),
    "blue_share": Title("Share of blue", "blue / (red + green + blue), means of an image"),
    "contrast": Title("Contrast", "standard deviation of luma in a thumbnail of 32 × 32 pixels"),
    "sharpness": Title("Sharpness", "mean difference of pixels side by side, 0 to 255"),
}

OF_IMAGES = frozenset(
    ("image_size", "image_aspect", "brightness", "red_share", "blue_share", "contrast", "sharpness")
)
"""Those that say nothing of the targets."""
