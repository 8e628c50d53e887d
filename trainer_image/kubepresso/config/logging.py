"""The module ``logging``: what a run writes, where, and when its model is promoted."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from kubepresso.config.base import (
    AnyCase,
    HeightWidth,
    Listed,
    NaturalInt,
    NonNegative,
    Positive,
    PositiveInt,
    Section,
)

_NAME = re.compile(r"\w(?:[\w .-]*\w)?")
_LONGEST_NAME = 200


def check_name(name: str) -> str:
    """Return a name that MLflow takes for an experiment and a registered model, and a disk for a folder.

    Raises:
        ValueError: It is none.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"must be up to {_LONGEST_NAME} letters, digits, `_` and, not at its ends, spaces, `.` and `-`, "
            f"found {name!r}"
        )
    return name


RegistryName = Annotated[str, AfterValidator(check_name)]
MetricName = Annotated[
    Literal[
        "top1_accuracy",
        "top5_accuracy",
        "miou",
        "pixel_accuracy",
        "map50",
        "map75",
        "map50_95",
        "precision50",
        "recall50",
        "pck",
    ],
    AnyCase,
]
#: By task, the metrics there are; the first one decides where none is named.
METRICS: dict[str, tuple[str, ...]] = {
    "classification": ("top1_accuracy", "top5_accuracy"),
    "segmentation": ("miou", "pixel_accuracy"),
    "detection": ("map50", "map75", "map50_95", "precision50", "recall50"),
    "pose_estimation": ("pck",),
}


class ModelSaveOptions(Section):
    """Which checkpoints are kept, and how the model is exported."""

    save_optimizer_state: bool = Field(True, description="Keep the optimizer's state with a checkpoint.")
    save_best_only: bool = Field(False, description="Keep `best` and `last` instead of every checkpoint.")
    best_model_criterion: Annotated[Literal["loss", "metric"], AnyCase] = Field(
        "loss", description="`loss`: least validation loss; `metric`: greatest first metric."
    )
    sample_input_size: HeightWidth = Field(
        (512, 512), description="`[height, width]` of the input for export, MACs and latency."
    )
    onnx_export_opset: Annotated[int, Field(ge=13, le=23)] = Field(13, description="ONNX opset asked for.")
    validation_epoch: PositiveInt = Field(
        10, description="Validate after epochs 1, 1 + n, 1 + 2n and so on, and after the last."
    )
    save_checkpoint_epoch: PositiveInt | None = Field(
        None, description="Checkpoint every so many epochs, a multiple of `validation_epoch`; null: the same."
    )

    @model_validator(mode="after")
    def _check_intervals(self) -> Self:
        if self.checkpoint_interval % self.validation_epoch:
            raise ValueError(
                "save_checkpoint_epoch must be a multiple of validation_epoch, "
                f"found {self.checkpoint_interval} and {self.validation_epoch}"
            )
        return self

    @property
    def checkpoint_interval(self) -> int:
        """Epochs from one checkpoint to the next."""
        return self.save_checkpoint_epoch or self.validation_epoch


class Metrics(Section):
    """What is measured."""

    classwise_analysis: bool = Field(False, description="Also for each class.")
    metric_names: Annotated[tuple[MetricName, ...], Listed, Field(min_length=1)] | None = Field(
        None, description="Metrics, the first of them decides; null: all of the task."
    )


class Promotion(Section):
    """When a model takes the alias `champion` in the registry."""

    registered_model: RegistryName | None = Field(
        None,
        min_length=1,
        description="Name in the registry; null: `project_id`, else `{task}_{model.name}`.",
    )
    metric: MetricName | None = Field(
        None, description="Metric that is compared; null: the first of the task."
    )
    minimum: float | None = Field(None, description="Below this nothing is promoted.")
    max_drop: NonNegative = Field(
        0.005, description="Allowed loss of the metric against the champion, absolute."
    )
    max_size_ratio: Positive | None = Field(None, description="File size against the champion's, at most.")
    max_latency_ratio: Positive | None = Field(None, description="Latency against the champion's, at most.")
    max_size_mb: Positive | None = Field(None, description="File size in MB, at most.")
    max_latency_ms: Positive | None = Field(None, description="Median latency in ms, at most.")


class LoggingConfig(Section):
    """What a run writes, where, and when its model is promoted."""

    project_id: RegistryName | None = Field(
        None, min_length=1, description="Name of the project; null: `{task}_{model.name}`."
    )
    output_dir: str = Field(
        "./outputs", min_length=1, description="Folder of everything written on this machine."
    )
    tensorboard: bool = Field(True, description="Accepted for compatibility; every run is in MLflow.")
    mlflow: bool = Field(False, description="Accepted for compatibility; every run is in MLflow.")
    stdout: bool = Field(True, description="Print progress.")
    image: bool | None = Field(None, description="Accepted for compatibility; see `num_save_samples`.")
    num_save_samples: NaturalInt | None = Field(
        16, description="Validation pictures kept; 0: none, null: all."
    )
    model_save_options: ModelSaveOptions = Field(ModelSaveOptions(), description="Checkpoints and export.")
    metrics: Metrics = Field(Metrics(), description="What is measured.")
    promotion: Promotion = Field(Promotion(), description="When a model is promoted.")
