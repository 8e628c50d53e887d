"""Transforms that change values and leave pixels where they are, and the two that make the model's input."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Tag

from kubepresso.config.augmentation.common import HueJitter, Jitter, PositiveRange, RandomTransform, Transform
from kubepresso.config.base import Listed, NonNegative, Positive, Probability, by_kind


class ColorJitter(RandomTransform):
    """Change brightness, contrast, saturation and hue in a random order."""

    name: Literal["colorjitter"] = "colorjitter"
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "image"
    brightness: Jitter = Field(0.0, description="Number v for `[1 - v, 1 + v]`, or `[min, max]`.")
    contrast: Jitter = Field(0.0, description="The same for contrast.")
    saturation: Jitter = Field(0.0, description="The same for saturation.")
    hue: HueJitter = Field(0.0, description="Number v up to 0.5 for `[-v, v]`, or `[min, max]`, in turns.")
    p: Probability = Field(1.0, description="Probability.")


class HSVJitter(RandomTransform):
    """Shift hue, saturation and value."""

    name: Literal["hsvjitter"] = "hsvjitter"
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "image"
    h_mag: NonNegative = Field(5, description="Greatest shift of the hue, of 180.")
    s_mag: NonNegative = Field(30, description="Greatest shift of the saturation, of 255.")
    v_mag: NonNegative = Field(30, description="Greatest shift of the value, of 255.")


def _null_is_noise(value: Any) -> Any:
    return "random" if value is None else value


ErasingValue = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[tuple[float, float, float], Listed, Tag("channels")]
    | Annotated[Literal["random"], Tag("noise")],
    by_kind(
        "must be a number, a list of three, or null for noise",
        number=(int, float),
        channels=(list, tuple),
        noise=(str,),
    ),
    BeforeValidator(_null_is_noise, json_schema_input_type=float | list[float] | Literal["random"] | None),
]


class RandomErasing(RandomTransform):
    """Overwrite a random rectangle (Zhong et al., 2017)."""

    name: Literal["randomerasing"] = "randomerasing"
    p: Probability = Field(0.5, description="Probability.")
    scale: PositiveRange = Field((0.02, 0.33), description="Least and greatest part of the area.")
    ratio: PositiveRange = Field((0.3, 3.3), description="Least and greatest width by height.")
    value: ErasingValue = Field(
        0.0, description="Number, a list of three, or null for noise, on the scale that pixels have there."
    )
    inplace: bool = Field(False, description="Accepted for compatibility; changes no result.")


def _check_pixel_range(value: float) -> float:
    if value not in (1.0, 255.0):
        raise ValueError(f"must be 1.0 or 255.0, found {value:g}")
    return value


class ToTensor(Transform):
    """Make a float tensor, channels first."""

    name: Literal["totensor"] = "totensor"
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "image"
    pixel_range: Annotated[float, AfterValidator(_check_pixel_range)] = Field(
        1.0, description="Value of white: 1.0 or 255.0."
    )


class Normalize(Transform):
    """Subtract the mean and divide by the standard deviation of each channel."""

    name: Literal["normalize"] = "normalize"
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "tensor"
    mean: Annotated[tuple[float, float, float], Listed] = Field(
        (0.485, 0.456, 0.406), description="Mean of each channel."
    )
    std: Annotated[tuple[Positive, Positive, Positive], Listed] = Field(
        (0.229, 0.224, 0.225), description="Standard deviation of each channel."
    )
