"""The module ``training``: length, precision, optimizer, schedule, and what differs in retraining."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kubepresso.config.base import AnyCase, NonNegative, Positive, PositiveInt, Section
from kubepresso.config.training.checkpoints import Checkpointing
from kubepresso.config.training.ema import ConstantDecay, Ema, ExpDecay
from kubepresso.config.training.optimizers import AdamW, Optimizer, OptimizerBase, ParameterGroup
from kubepresso.config.training.schedulers import CosineNoSgdr, Scheduler

__all__ = [
    "Checkpointing",
    "ConstantDecay",
    "Ema",
    "ExpDecay",
    "Optimizer",
    "OptimizerBase",
    "ParameterGroup",
    "Retraining",
    "RetrainingOptimizer",
    "Scheduler",
    "TrainingConfig",
]


class RetrainingOptimizer(Section):
    """What the optimizer has otherwise when it retrains."""

    lr: NonNegative | None = Field(None, description="Learning rate; null: `training.optimizer.lr`.")
    weight_decay: NonNegative | None = Field(
        None, description="Weight decay; null: `training.optimizer.weight_decay`."
    )


class Retraining(Section):
    """What is otherwise when training starts from a model that exists, such as a compressed one."""

    epochs: PositiveInt | None = Field(None, description="Epochs; null: `training.epochs`.")
    optimizer: RetrainingOptimizer | None = Field(None, description="Optimizer; null: `training.optimizer`.")
    scheduler: Scheduler | None = Field(None, description="Schedule; null: `training.scheduler`.")


class TrainingConfig(Section):
    """Length, precision, optimizer, schedule, and what changes when a compressed model is retrained."""

    epochs: PositiveInt = Field(30, description="Epochs.")
    mixed_precision: bool = Field(
        False, description="fp16 on a GPU, bf16 on a CPU, where `precision` is null."
    )
    precision: Annotated[Literal["fp32", "bf16", "fp16"], AnyCase] | None = Field(
        None, description="Precision of the forward pass; null: by `mixed_precision`. fp16 needs a GPU."
    )
    ema: Ema | None = Field(
        None, description="Average of the weights, used for validation and saved; null: none."
    )
    max_norm: Positive | None = Field(None, description="Greatest norm of the gradients; null: not clipped.")
    optimizer: Optimizer = Field(AdamW(), description="Optimizer.")
    scheduler: Scheduler = Field(CosineNoSgdr(), description="Schedule of the learning rate.")
    retraining: Retraining = Field(Retraining(), description="What changes when a model is retrained.")
    checkpoints: Checkpointing = Field(
        Checkpointing(), description="When the state is saved, to go on after an interruption."
    )
    deterministic: bool = Field(
        True, description="Choose operations on a GPU that give the same bits each time, at some speed."
    )
