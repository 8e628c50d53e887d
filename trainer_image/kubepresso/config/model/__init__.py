"""The module ``model``: architecture, start weights, losses and how the model is compressed."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator, model_validator

from kubepresso.config.base import AnyCase, Capitals, Listed, PositiveInt, Section, Task
from kubepresso.config.model.backbones import Backbone, MobileNetV3, MobileNetV3Stage, ResNet, ResNetStage
from kubepresso.config.model.full import Full, PIDNet
from kubepresso.config.model.heads import FC, Head
from kubepresso.config.model.losses import CrossEntropy, FocalLoss, Loss
from kubepresso.config.model.necks import Neck
from kubepresso.config.model.postprocessors import AnyPostprocessor, Postprocessor, postprocessor_of

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
    "Neck",
    "PIDNet",
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
    """The parts of the network: `full`, or a backbone, a head and, where one is needed, a neck."""

    full: Full | None = Field(None, description="A network that is not made of parts; null: made of parts.")
    backbone: Backbone | None = Field(None, description="Backbone; null with `full`.")
    neck: Neck | None = Field(None, description="Neck; null: none.")
    head: Head | None = Field(None, description="Head; null with `full`.")

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        given = [name for name in ("backbone", "neck", "head") if getattr(self, name) is not None]
        if self.full is not None and given:
            raise ValueError(f"full is a whole network; leave out {' and '.join(given)}, or full")
        missing = [name for name in ("backbone", "head") if name not in given]
        if self.full is None and missing:
            raise ValueError(f"{' and '.join(missing)} missing; give a backbone and a head, or full")
        return self


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

    task: Annotated[Task, AnyCase] = Field(description="Task; must be the same as `data.task`.")
    name: str = Field(min_length=1, description="Name of the model in logs, files and the registry.")
    checkpoint: Checkpoint = Field(Checkpoint(), description="Weights to start from.")
    freeze_backbone: bool = Field(False, description="Train the neck and head only.")
    architecture: Architecture = Field(description="The parts of the network.")
    postprocessor: AnyPostprocessor | None = Field(
        None,
        validate_default=True,
        description="How outputs become results; its keys depend on the head; null: defaults.",
    )
    losses: Annotated[tuple[Loss, ...], Listed, Field(min_length=1)] = Field(
        (CrossEntropy(),), description="Losses, summed with their weights."
    )
    compression: Compression = Field(Compression(), description="How the model is compressed.")

    @field_validator("postprocessor", mode="wrap")
    @classmethod
    def _read_by_head(cls, value: Any, _: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Read the post-processor as the one of the head, which stands in another key."""
        if "architecture" not in info.data:
            return None  # its own problems are told first
        model = postprocessor_of(info.data["architecture"])
        if value is None:
            return None if model is Postprocessor else model()
        return model.model_validate(value)

    @classmethod
    def type_of(cls, key: str, value: Any) -> Any:
        """Return the type of a key's value, for the post-processor that of the head beside it."""
        if key == "postprocessor" and isinstance(value, dict):
            return postprocessor_of(value.get("architecture"))
        return super().type_of(key, value)
