"""Heads, one model each."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import PositiveInt, Section, by_name, null_means
from kubepresso.config.model.backbones import Activation


class FCParams(Section):
    """Values of the fully connected head."""

    num_layers: Annotated[int, Field(ge=1, le=16)] = Field(
        1, description="Layers, the classifier among them."
    )
    intermediate_channels: PositiveInt | None = Field(
        None, description="Channels between the layers; must be given where there are two layers or more."
    )
    act_type: Activation | None = Field(None, description="Activation between the layers; null: none.")
    dropout_prob: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Dropout before the classifier."
    )

    @model_validator(mode="after")
    def _check_channels(self) -> Self:
        if self.num_layers > 1 and self.intermediate_channels is None:
            raise ValueError("intermediate_channels is missing: two layers or more need it")
        return self


_FC = FCParams()


class FC(Section):
    """Global average and fully connected layers."""

    name: Literal["fc"] = "fc"
    name_optional: ClassVar[bool] = True
    params: Annotated[FCParams, null_means(_FC, FCParams)] = Field(_FC, description="Values of the head.")


# A union of one is the model itself, so the name is checked by FC's own literal.
Head = Annotated[FC, by_name()[1]]
