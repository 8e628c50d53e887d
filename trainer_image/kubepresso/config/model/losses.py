"""Losses, one model each, summed with their weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kubepresso.config.base import NonNegative, Probability, Section, by_name, null_means


class LossBase(Section):
    """What every loss has."""

    criterion: str
    weight: Annotated[float, Field(ge=0), null_means(1.0, NonNegative)] = Field(
        1.0, description="Factor in the sum of the losses; null: 1."
    )


class CrossEntropy(LossBase):
    """Cross entropy."""

    criterion: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Probability = Field(0.0, description="Part of the target spread over all classes.")
    ignore_index: int = Field(-100, description="Label without loss.")


class FocalLoss(LossBase):
    """Focal loss (Lin et al., 2017)."""

    criterion: Literal["focal_loss"] = "focal_loss"
    alpha: Probability | None = Field(None, description="Balance factor; null: 1.")
    gamma: NonNegative = Field(2.0, description="Focus on what is hard.")


Loss = Annotated[CrossEntropy | FocalLoss, *by_name("criterion")]
