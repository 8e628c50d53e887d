"""Train, or retrain a bundle: launches the training processes and reads what they left. Imports no torch."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubepresso import tracking
from kubepresso.config import parse_view
from kubepresso.errors import UserError
from kubepresso.launch import TrainingError, TrainingJob, choose_launcher

SUMMARY_FILE = "training_summary.json"


@dataclass(frozen=True)
class TrainingSummary:
    """How a training went.

    Attributes:
        epochs: Epochs trained.
        best_epoch: The epoch whose weights are in the bundle.
        best: Losses and validation metrics of that epoch.
        images_per_second: Median over the epochs, of all processes.
        seconds: Training, validation and checkpoints.
        startup_seconds: From the launch of the first process to the first step.
    """

    epochs: int
    best_epoch: int
    best: dict[str, float]
    images_per_second: float
    seconds: float
    startup_seconds: float

    def metrics(self) -> dict[str, float]:
        """Return the figures for KFP."""
        return {
            **self.best,
            "best_epoch": self.best_epoch,
            "epochs": self.epochs,
            "images_per_second": self.images_per_second,
            "training_seconds": self.seconds,
        }


def run(
    *,
    config: str,
    dataset: Path,
    model: Path,
    start: Path | None = None,
    dataset_uri: str | None = None,
    model_uri: str | None = None,
    start_uri: str | None = None,
    task_config: Mapping[str, Any] | None = None,
) -> TrainingSummary:
    """Train and write a model bundle.

    Args:
        config: The view of the modules augmentation, model, training, logging and environment.
        dataset: The prepared data set.
        model: The bundle to write; its folder also gets ``training_summary.json`` and ``epochs.csv``.
            Checkpoints go to a folder beside it, ``<model>.checkpoints``, where a failed step that is run
            again goes on. It is removed once the bundle is whole; ``python -m kubepresso.training`` alone
            keeps it.
        start: A bundle to start from, with ``training.retraining`` applied; None builds
            ``model.architecture``.
        dataset_uri: Where the pods of a cluster find the data set; see `kubepresso.launch.TrainingJob`.
        model_uri: Where they write the bundle.
        start_uri: Where they find the bundle to start from.
        task_config: What the pipeline set for the task and its pods get: the fields of
            ``kfp.dsl.TaskConfig``.

    Raises:
        UserError: With the lines of the failing rank's own UserError, or its traceback.
    """
    view = parse_view(config)
    environment = view.need("environment")
    step_id = _step_id(model_uri)
    job = TrainingJob(
        config, environment, dataset, model, start, step_id, dataset_uri, model_uri, start_uri, task_config
    )
    try:
        choose_launcher(environment.distributed.launcher).run(job)
    except TrainingError as failure:
        # Rank 0 holds the run; it may have died with it open, or closed it as ended by another's failure.
        title = "retrain" if start else "train"
        tracking.mark_failed("train", str(failure), title=title, logging=view.logging, step_id=step_id)
        raise
    summary = _read_summary(model / SUMMARY_FILE)
    shutil.rmtree(model.with_name(f"{model.name}.checkpoints"), ignore_errors=True)
    return summary


def _step_id(model_uri: str | None) -> str:
    """Return an id of the step's run: in a pipeline the same when the step is started again."""
    in_bucket = model_uri is not None and "://" in model_uri
    return uuid.uuid5(uuid.NAMESPACE_URL, str(model_uri)).hex if in_bucket else uuid.uuid4().hex


def _read_summary(path: Path) -> TrainingSummary:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: training ended without a readable summary ({error})") from error
    return TrainingSummary(
        epochs=content["total_epoch"],
        best_epoch=content["best_epoch"],
        best=content["best"],
        images_per_second=content["images_per_second"],
        seconds=content["total_train_time"],
        startup_seconds=content["startup_seconds"],
    )
