"""What a finished training leaves: the bundle with a summary and a table of its epochs."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubepresso.config import digest
from kubepresso.models import BundleManifest, save_bundle
from kubepresso.storage.atomic import atomic_folder
from kubepresso.training.history import EpochRecord, History

if TYPE_CHECKING:
    from kubepresso.training.run import Training

SUMMARY_FILE = "training_summary.json"
EPOCHS_FILE = "epochs.csv"


@dataclass(frozen=True)
class Result:
    """How a training went, beside its history.

    Attributes:
        startup_seconds: From the launch to the first step.
        seconds: Training, validation and checkpoints together, of all starts as far as they were of use.
        world_size: Number of processes.
        device: ``cpu`` or ``cuda``.
    """

    startup_seconds: float
    seconds: float
    world_size: int
    device: str


def write_bundle(training: Training, result: Result) -> BundleManifest:
    """Write the best epoch's weights as a bundle, with ``training_summary.json`` and ``epochs.csv`` in it.

    Returns:
        The bundle's manifest as written.

    Raises:
        UserError: The model cannot be exported, the place cannot be written, or the best epoch's checkpoint
            is no longer there.
    """
    state = training.loop.state
    best = state.history.best
    assert best is not None  # the last epoch is validated
    model = state.evaluated
    model.load_state_dict(training.keeper.kept.load_best(best.epoch))
    summary = summarise(state.history, training.loop.task.metrics()[0].name, result)
    with atomic_folder(training.job.output) as folder:
        opset = training.options.onnx_export_opset
        written = save_bundle(folder, model, _manifest(training, best), opset)
        (folder / SUMMARY_FILE).write_text(json.dumps(summary, indent=2), encoding="utf-8")
        (folder / EPOCHS_FILE).write_text(state.history.to_csv(), encoding="utf-8")
    return written


def _manifest(training: Training, best: EpochRecord) -> BundleManifest:
    view, start = training.job.view, training.start
    model = view.need("model")
    lineage: dict[str, Any] = {
        **start.lineage,
        "config_digest": digest(view.to_yaml()),
        "dataset_digest": training.loaders.digest,
        "epoch": best.epoch,
    }
    if start.parent:
        lineage["parent"] = start.parent
    entries = view.need("augmentation").inference or ()
    return BundleManifest(
        name=model.name,
        task=model.task,
        classes=list(training.loop.task.classes),
        input_size=training.loaders.input_size,
        preprocessing=[entry.model_dump(mode="json") for entry in entries],
        lineage=lineage,
        metrics={f"valid_{name}": value for name, value in best.valid.items()},
    )


def summarise(history: History, primary_metric: str, result: Result) -> dict[str, Any]:
    """Return the content of ``training_summary.json``; keys of the losses and metrics are epochs, from 1."""
    best = history.best
    assert best is not None
    validated = [record for record in history.epochs if record.valid]
    return {
        "status": "success",
        "total_epoch": len(history.epochs),
        "last_epoch": history.epochs[-1].epoch,
        "best_epoch": best.epoch,
        "best_criterion": history.criterion,
        "primary_metric": primary_metric,
        "metrics_list": [name for name in best.valid if name != "loss"],
        "train_losses": {record.epoch: record.train["loss"] for record in history.epochs},
        "valid_losses": {record.epoch: record.valid["loss"] for record in validated},
        "valid_metrics": {record.epoch: record.valid for record in validated},
        "best": {"train_loss": best.train["loss"], **{f"valid_{k}": v for k, v in best.valid.items()}},
        "images_per_second": statistics.median(record.images_per_second for record in history.epochs),
        "total_train_time": result.seconds,
        "startup_seconds": result.startup_seconds,
        "world_size": result.world_size,
        "device": result.device,
    }
