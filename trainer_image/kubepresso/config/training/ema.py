"""Averages of the weights, one model each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kubepresso.config.base import Positive, Section, by_name

Decay = Annotated[float, Field(ge=0, lt=1)]


class ConstantDecay(Section):
    """The same decay at every step."""

    name: Literal["constant_decay"] = "constant_decay"
    decay: Decay = Field(0.9999, description="Part of the average that is kept.")


class ExpDecay(Section):
    """A decay that rises to its value: `decay * (1 - exp(-step / beta))`."""

    name: Literal["exp_decay"] = "exp_decay"
    decay: Decay = Field(0.9999, description="Part of the average that is kept, in the end.")
    beta: Positive = Field(2000.0, description="Steps in which it rises.")


Ema = Annotated[ConstantDecay | ExpDecay, *by_name()]
