"""What the transforms share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Tag

from kubepresso.config.base import AnyCase, Listed, NonNegative, Positive, Section, Side, by_kind

Interpolation = Annotated[Literal["nearest", "bilinear", "bicubic"], AnyCase]
_SIZE_KINDS: dict[str, tuple[type, ...]] = {"side": (int,), "sides": (list, tuple)}
_NUMBER_KINDS: dict[str, tuple[type, ...]] = {"number": (int, float), "range": (list, tuple)}

#: A side, or height and width.
Size = Annotated[
    Annotated[Side, Tag("side")] | Annotated[tuple[Side, Side], Listed, Tag("sides")],
    by_kind("must be an integer or a list [height, width]", **_SIZE_KINDS),
]
Level = Annotated[int, Field(ge=0, le=255)]
#: Grey value or colour.
Fill = Annotated[
    Annotated[Level, Tag("side")] | Annotated[tuple[Level, Level, Level], Listed, Tag("sides")],
    by_kind("must be an integer from 0 to 255 or a list [r, g, b]", **_SIZE_KINDS),
]


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(
            f"the first number must not be greater than the second, found [{value[0]}, {value[1]}]"
        )
    return value


Ascending = AfterValidator(_ascending)
PositiveRange = Annotated[tuple[Positive, Positive], Listed, Ascending]
NonNegativeRange = Annotated[tuple[NonNegative, NonNegative], Listed, Ascending]
#: Strength: a number v means the range [1 - v, 1 + v], not below 0.
Jitter = Annotated[
    Annotated[NonNegative, Tag("number")] | Annotated[NonNegativeRange, Tag("range")],
    by_kind("must be a number or a list [min, max]", **_NUMBER_KINDS),
]
HalfTurn = Annotated[float, Field(ge=-0.5, le=0.5)]
#: Strength: a number v means the range [-v, v].
HueJitter = Annotated[
    Annotated[float, Field(ge=0, le=0.5), Tag("number")]
    | Annotated[tuple[HalfTurn, HalfTurn], Listed, Ascending, Tag("range")],
    by_kind("must be a number or a list [min, max]", **_NUMBER_KINDS),
]


class Transform(Section):
    """One entry of a recipe."""

    name: str
    #: Tasks for which the transform is meant.
    tasks: ClassVar[tuple[str, ...]] = ("classification", "segmentation", "detection", "pose_estimation")
    #: Whether random numbers take part, so that inference must not have it.
    random: ClassVar[bool] = False
    #: ``image``: needs no float tensor; ``tensor``: stands after totensor; ``batch``: acts on whole batches.
    acts_on: ClassVar[Literal["any", "image", "tensor", "batch"]] = "any"


class RandomTransform(Transform):
    """One entry of a recipe that draws random numbers."""

    random: ClassVar[bool] = True
