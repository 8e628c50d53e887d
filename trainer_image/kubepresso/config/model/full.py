"""Networks that are not made of a backbone, a neck and a head."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubepresso.config.base import PositiveInt, Section, by_name


class PIDNet(Section):
    """PIDNet (Xu et al., 2022)."""

    name: Literal["pidnet"] = "pidnet"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    m: PositiveInt = Field(2, description="Blocks of the first stages.")
    n: PositiveInt = Field(3, description="Blocks of the later stages.")
    channels: PositiveInt = Field(32, description="Channels of the first stage.")
    ppm_channels: PositiveInt = Field(96, description="Channels of the pyramid pooling.")
    head_channels: PositiveInt = Field(128, description="Channels of the heads.")

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides of the detail branch and of the context branch."""
        return (8, 64)


# A union of one is the model itself, so the name is checked by its own literal.
Full = Annotated[PIDNet, by_name()[1]]
