"""The module ``model``: architecture, start weights, losses and how the model is compressed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kubepresso.config.base import AnyCase, Capitals, Listed, PositiveInt, Section, Task
from kubepresso.config.model.backbones import Backbone, MobileNetV3, MobileNetV3Stage, ResNet, ResNetStage
from kubepresso.config.model.heads import FC, Head
from kubepresso.config.model.losses import CrossEntropy, FocalLoss, Loss

__all__ = [
    "FC",
    "Architecture",
    "Backbone",
    "Checkpoint",
    "Compression",
    "CrossEntropy",
    "FocalLoss",
    "Head",
    "Loss",
    "MobileNetV3",
    "MobileNetV3Stage",
    "ModelConfig",
    "ResNet",
    "ResNetStage",
]


class Checkpoint(Section):
    """Weights to start from."""

    use_pretrained: bool = Field(
        False, description="Load weights: from `path`, or by `model.name` where it is null."
    )
    load_head: bool = Field(False, description="Load the head's weights too.")
    path: str | None = Field(
        None, min_length=1, description="Weights (.safetensors, state dict .pth), or a model bundle."
    )
    optimizer_path: str | None = Field(
        None, min_length=1, description="Accepted for compatibility; a run resumes from its own checkpoints."
    )


class Architecture(Section):
    """The parts of the network."""

    full: None = Field(None, description="A network that is not made of parts; none exists for this task.")
    backbone: Backbone = Field(description="Backbone.")
    neck: None = Field(None, description="None exists for this task.")
    head: Head = Field(description="Head.")


class Postprocessor(Section):
    """How outputs become results; this task has nothing to set."""

    params: None = Field(None, description="Always null.")


class Compression(Section):
    """Structured pruning."""

    method: Annotated[Literal["PR_L2"], Capitals] = Field(
        "PR_L2", description="`PR_L2`: channels of least L2 norm."
    )
    ratio: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="Share of the channels that is removed."
    )
    round_to: PositiveInt = Field(8, description="Channels left are a multiple of this.")
    ignore_layers: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Module paths left as they are."
    )


class ModelConfig(Section):
    """Architecture, start weights, losses and how the model is compressed."""

    task: Annotated[Task, AnyCase, Capitals] = Field(description="Task; must be the same as `data.task`.")
    name: str = Field(min_length=1, description="Name of the model in logs, files and the registry.")
    checkpoint: Checkpoint = Field(Checkpoint(), description="Weights to start from.")
    freeze_backbone: bool = Field(False, description="Train the neck and head only.")
    architecture: Architecture = Field(description="The parts of the network.")
    postprocessor: Postprocessor | None = Field(None, description="How outputs become results.")
    losses: Annotated[tuple[Loss, ...], Listed, Field(min_length=1)] = Field(
        (CrossEntropy(),), description="Losses, summed with their weights."
    )
    compression: Compression = Field(Compression(), description="How the model is compressed.")
