"""Optimizers, one model each, and what all of them share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import AnyCase, Listed, NonNegative, Positive, Section, by_name

Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[tuple[Beta, Beta], Listed]


class ParameterGroup(Section):
    """Other values for one part of the model; null: the optimizer's own."""

    param_group: Annotated[Literal["backbone", "neck", "head"], AnyCase] = Field(
        description="Part of the model."
    )
    lr: NonNegative | None = Field(None, description="Learning rate.")
    weight_decay: NonNegative | None = Field(None, description="Weight decay.")
    no_bias_decay: bool | None = Field(None, description="No weight decay on biases.")
    no_norm_weight_decay: bool | None = Field(None, description="No weight decay on weights of norm layers.")


class OptimizerBase(Section):
    """What every optimizer has."""

    name: str
    lr: NonNegative = Field(6e-5, description="Learning rate.")
    weight_decay: NonNegative = Field(5e-4, description="Weight decay.")
    no_bias_decay: bool = Field(False, description="No weight decay on biases.")
    no_norm_weight_decay: bool = Field(False, description="No weight decay on weights of norm layers.")
    overwrite: Annotated[tuple[ParameterGroup, ...], Listed] | None = Field(
        None, description="Other values for parts of the model."
    )


class _AdamFamily(OptimizerBase):
    betas: Betas = Field((0.9, 0.999), description="Decay of the running averages.")


class AdamW(_AdamFamily):
    """Adam with decoupled weight decay."""

    name: Literal["adamw"] = "adamw"
    name_optional: ClassVar[bool] = True


class Adam(_AdamFamily):
    """Adam."""

    name: Literal["adam"] = "adam"


class Adamax(_AdamFamily):
    """Adam with the infinity norm."""

    name: Literal["adamax"] = "adamax"


class Adadelta(OptimizerBase):
    """Adadelta."""

    name: Literal["adadelta"] = "adadelta"
    rho: Annotated[float, Field(ge=0, le=1)] = Field(0.9, description="Decay of the running averages.")


class Adagrad(OptimizerBase):
    """Adagrad."""

    name: Literal["adagrad"] = "adagrad"
    lr_decay: NonNegative = Field(0.0, description="Decay of the learning rate.")


class RMSprop(OptimizerBase):
    """RMSprop."""

    name: Literal["rmsprop"] = "rmsprop"
    alpha: NonNegative = Field(0.99, description="Smoothing of the squared gradients.")
    momentum: NonNegative = Field(0.0, description="Momentum.")
    eps: Positive = Field(1e-8, description="Added to the denominator.")


class SGD(OptimizerBase):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    momentum: NonNegative = Field(0.0, description="Momentum.")
    nesterov: bool = Field(False, description="Nesterov's momentum.")

    @model_validator(mode="after")
    def _check_nesterov(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum greater than 0")
        return self


Optimizer = Annotated[AdamW | Adam | Adamax | Adadelta | Adagrad | RMSprop | SGD, *by_name(default="adamw")]
