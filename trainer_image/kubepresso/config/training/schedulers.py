"""Learning rate schedules, one model each. All count in epochs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kubepresso.config.base import Listed, NaturalInt, NonNegative, Positive, PositiveInt, Section, by_name


class _WarmUp(Section):
    name: str
    warmup_epochs: NaturalInt = Field(5, description="Epochs of linear warm-up.")
    warmup_bias_lr: NonNegative = Field(1e-5, description="Learning rate at the start of the warm-up.")
    min_lr: NonNegative = Field(1e-5, description="Learning rate at the end.")


class Step(Section):
    """Multiply the rate by `gamma` every `iters_per_phase` epochs."""

    name: Literal["step"] = "step"
    iters_per_phase: PositiveInt = Field(1, description="Epochs from one drop to the next.")
    gamma: Positive = Field(0.1, description="Factor.")
    end_epoch: PositiveInt | None = Field(
        None, description="The rate stays from here on; null: `training.epochs`."
    )


class Poly(_WarmUp):
    """Fall by a power of the part that is left."""

    name: Literal["poly"] = "poly"
    power: Positive = Field(1.0, description="Exponent.")
    end_epoch: PositiveInt | None = Field(
        None, description="The rate stays from here on; null: `training.epochs`."
    )


class CosineNoSgdr(_WarmUp):
    """Half a cosine, once."""

    name: Literal["cosine_no_sgdr"] = "cosine_no_sgdr"
    name_optional: ClassVar[bool] = True
    end_epoch: PositiveInt | None = Field(
        None, description="The rate stays from here on; null: `training.epochs`."
    )


class Cosine(_WarmUp):
    """Half a cosine again and again (SGDR)."""

    name: Literal["cosine"] = "cosine"
    iters_per_phase: PositiveInt = Field(10, description="Epochs of one fall.")


class MultiStep(Section):
    """Multiply the rate by `gamma` at the milestones."""

    name: Literal["multi_step"] = "multi_step"
    milestones: Annotated[tuple[PositiveInt, ...], Listed, Field(min_length=1)] = Field(
        description="Epochs of the drops, ascending."
    )
    gamma: Positive = Field(0.1, description="Factor.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError("milestones must ascend")
        return self


Scheduler = Annotated[Step | Poly | CosineNoSgdr | Cosine | MultiStep, *by_name(default="cosine_no_sgdr")]
