"""The contents of the six modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubepresso.config import MODULES
from kubepresso.scaffold.choices import Choices
from kubepresso.scaffold.machine import Machine
from kubepresso.scaffold.recipes import plain_epochs, recipes
from kubepresso.scaffold.survey import Survey

_NAMES_SHOWN = 10


class Written(NamedTuple):
    """One module.

    Args:
        content: Its keys.
        reasons: By dotted key below the module, why it has its value.
    """

    content: dict[str, Any]
    reasons: Mapping[str, str]


def modules(survey: Survey, choices: Choices, machine: Machine, name: str) -> dict[str, Written]:
    """Return the six modules in their order.

    Args:
        survey: The data set.
        choices: Model, size, batch and length.
        machine: This machine.
        name: Of the data set and the project.
    """
    made = (
        _data(survey, name),
        _augmentation(survey, choices),
        _model(survey, choices),
        _training(survey, choices, machine),
        _logging(choices, name),
        _environment(choices),
    )
    return dict(zip(MODULES, made, strict=True))


def _data(survey: Survey, name: str) -> Written:
    content = {"name": name, "task": survey.task, "format": "local", "layout": survey.layout, **survey.data}
    reasons = dict(survey.notes)
    counts = ", ".join(f"{count:,} in {split}" for split, count in survey.counts.items())
    held_out = survey.held_out_in_words
    reasons["path"] = f"Found: {counts}" + (f"; {held_out}, the same in every run" if held_out else "")
    checks = {
        "corrupt_images": "refuse",
        "invalid_labels": "refuse",
        "missing_labels": "skip",
        "empty_classes": "refuse",
        "duplicates_across_splits": "warn",
        "near_duplicates_across_splits": "warn",
    }
    for check, found in survey.problems.items():
        if found:
            checks[check] = "skip"
            reasons[f"checks.{check}"] = f"{len(found):,} seen, such as {found[0]}"
    if survey.unseen:
        checks["empty_classes"] = "warn"
        reasons["checks.empty_classes"] = f"warn, since train has none of: {_some(survey.unseen)}"
    content["checks"] = checks
    return Written(content, reasons)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _augmentation(survey: Survey, choices: Choices) -> Written:
    made = recipes(survey, choices)
    content = {"train": made.train, "inference": made.inference, "checks": {"samples": 16}}
    return Written(content, made.reasons)


def _model(survey: Survey, choices: Choices) -> Written:
    architecture = choices.architecture
    content: dict[str, Any] = {
        "task": survey.task,
        "name": architecture.name,
        "checkpoint": {"use_pretrained": False},
        "architecture": architecture.parts,
        "losses": [_loss(survey, choices)],
        "compression": {"method": "PR_L2", "ratio": 0.5, "round_to": 8},
    }
    reasons = {"name": f"{architecture.title}: {choices.model_reason}"}
    if architecture.weights_megabytes:
        reasons["checkpoint"] = (
            f"For photographs, and for few of them above all, use_pretrained: true starts from public "
            f"ImageNet weights, a download of {architecture.weights_megabytes} MB"
        )
    return Written(content, reasons)


def _loss(survey: Survey, choices: Choices) -> dict[str, Any]:
    if survey.task == "classification":
        return {"criterion": "cross_entropy", "label_smoothing": 0.1}
    if survey.task == "detection":
        epochs = choices.epochs.value
        return {"criterion": "yolox_loss", "l1_activate_epoch": max(epochs - plain_epochs(epochs), 1)}
    if survey.task == "segmentation":
        return {"criterion": "seg_cross_entropy", "ignore_index": 255}
    return {"criterion": "rtmcc_loss"}


def _training(survey: Survey, choices: Choices, machine: Machine) -> Written:
    epochs, batch = choices.epochs.value, choices.batch.value
    scheduler: dict[str, Any] = {"name": "cosine_no_sgdr", "warmup_epochs": min(5, max(1, epochs // 20))}
    ema = None
    if survey.task == "detection":
        rate = _rounded(0.01 * batch / 64)
        optimizer = {"name": "sgd", "lr": rate, "momentum": 0.9, "weight_decay": 0.0005, "nesterov": True}
        scheduler["end_epoch"] = max(epochs - plain_epochs(epochs), 1)
        ema = {"name": "exp_decay", "decay": 0.9998, "beta": 2000.0}
        why = "0.01 at 64, in proportion to the batch"
    else:
        rate = _rounded(0.001 * (batch / 128) ** 0.5)
        optimizer = {"name": "adamw", "lr": rate, "weight_decay": 0.05}
        why = "0.001 at 128, by the square root of the batch"
    optimizer |= {"no_bias_decay": True, "no_norm_weight_decay": True}
    scheduler |= {"warmup_bias_lr": _rounded(rate / 10), "min_lr": _rounded(rate / 100)}
    content: dict[str, Any] = {"epochs": epochs, "mixed_precision": machine.gpu is not None}
    content |= {"ema": ema} if ema else {}
    content |= {"max_norm": 5.0, "optimizer": optimizer, "scheduler": scheduler}
    content["retraining"] = {"epochs": max(epochs // 2, 1), "optimizer": {"lr": _rounded(rate / 2)}}
    reasons = {
        "epochs": choices.epochs.reason,
        "mixed_precision": f"For {machine.gpu}" if machine.gpu else "No GPU here; true where there is one",
        "optimizer": f"lr {rate:g} for batches of {batch}: {why}",
        "retraining": "After compression: less to learn than at first",
    }
    return Written(content, reasons)


def _rounded(rate: float) -> float:
    """Return a rate of two digits."""
    return float(f"{rate:.1e}")


def _logging(choices: Choices, name: str) -> Written:
    options = {
        "save_best_only": True,
        "best_model_criterion": "metric",
        "sample_input_size": list(choices.size),
        "validation_epoch": max(choices.epochs.value // 50, 1),
    }
    promotion = {"max_drop": 0.005, "minimum": None, "max_latency_ms": None, "max_size_mb": None}
    content = {
        "project_id": name,
        "output_dir": f"outputs/{name}",
        "model_save_options": options,
        "promotion": promotion,
    }
    reasons = {"promotion": "The first model that reaches minimum is promoted, later ones if they keep up"}
    return Written(content, reasons)


def _environment(choices: Choices) -> Written:
    content = {
        "seed": 1,
        "num_workers": choices.workers.value,
        "batch_size": choices.batch.value,
        "gpus": 0,
    }
    reasons = {"num_workers": choices.workers.reason, "batch_size": choices.batch.reason}
    return Written(content, reasons)
