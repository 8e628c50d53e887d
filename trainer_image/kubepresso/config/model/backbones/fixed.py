"""Backbones whose stages are fixed, so that only ``params`` says anything: CSPDarknet, ShuffleNetV2."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubepresso.config.base import AnyCase, Section
from kubepresso.config.model.common import Activation, BackboneBase, Multiplier


class CSPDarknetParams(Section):
    """Values of the whole CSPDarknet."""

    depthwise: bool = Field(False, description="Depthwise separable convolutions.")
    dep_mul: Multiplier = Field(1.0, description="Factor of all numbers of blocks.")
    wid_mul: Multiplier = Field(1.0, description="Factor of all channels.")
    act_type: Activation = Field("silu", description="Activation.")


class CSPDarknet(BackboneBase):
    """CSPDarknet, as in YOLOX (Ge et al., 2021)."""

    name: Literal["cspdarknet"] = "cspdarknet"
    params: CSPDarknetParams = Field(CSPDarknetParams(), description="Whole network.")
    stage_params: None = Field(None, description="Always null.")

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides of the three stages that give features."""
        return (8, 16, 32)

    def side_multiple(self) -> int:
        """Return 2: the stem takes every second pixel into a channel of its own."""
        return 2


class ShuffleNetV2Params(Section):
    """Values of the whole ShuffleNetV2."""

    model_size: Annotated[Literal["0.5x", "1.0x", "1.5x", "2.0x"], AnyCase] = Field(
        "1.0x", description="Width."
    )


class ShuffleNetV2(BackboneBase):
    """ShuffleNetV2 (Ma et al., 2018)."""

    name: Literal["shufflenetv2"] = "shufflenetv2"
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    params: ShuffleNetV2Params = Field(ShuffleNetV2Params(), description="Whole network.")
    stage_params: None = Field(None, description="Always null.")

    def stage_strides(self) -> tuple[int, ...]:
        """Return the strides of the two stages that give features."""
        return (16, 32)
