"""Types that the parts of a network share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubepresso.config.base import AnyCase, Listed, NaturalInt, PositiveInt, Section

ALL_TASKS = ("classification", "segmentation", "detection", "pose_estimation")

Activation = Annotated[
    Literal["relu", "relu6", "prelu", "leaky_relu", "gelu", "silu", "swish", "hard_swish"], AnyCase
]
Norm = Annotated[Literal["batch_norm", "instance_norm"], AnyCase]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
#: Factor of a network's width or depth.
Multiplier = Annotated[float, Field(gt=0, le=16)]
Stride = Annotated[int, Field(ge=1, le=2)]
#: Side of a kernel: odd, so that it has a middle.
Kernel = Annotated[int, Field(ge=1, le=31)]
StageIndexes = Annotated[tuple[NaturalInt, ...], Listed, Field(min_length=1)]
PositiveInts = Annotated[tuple[PositiveInt, ...], Listed, Field(min_length=1)]


class BackboneBase(Section):
    """What every backbone has."""

    name: str
    #: Tasks that it has features for.
    tasks: ClassVar[tuple[str, ...]] = ALL_TASKS

    def stage_strides(self) -> tuple[int, ...]:
        """Return how many pixels of the image one step in each stage's features is, the deepest last."""
        raise NotImplementedError

    def features(self) -> tuple[int, ...]:
        """Return the strides of the features that go to a neck, or to a head that takes several."""
        strides = self.stage_strides()
        params = getattr(self, "params", None)
        if "return_stage_idx" not in getattr(type(params), "model_fields", ()):
            return strides
        indexes = getattr(params, "return_stage_idx", None) or (len(strides) - 1,)
        return tuple(strides[index] for index in indexes if index < len(strides))

    def side_multiple(self) -> int:
        """Return what the image's sides must be multiples of for the backbone to run at all."""
        return 1


def cumulative(stem: int, strides: Iterable[int]) -> tuple[int, ...]:
    """Multiply up the strides of the stages after a stem."""
    factors = list(strides)
    return tuple(stem * math.prod(factors[: end + 1]) for end in range(len(factors)))
