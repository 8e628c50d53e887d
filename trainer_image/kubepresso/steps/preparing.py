"""The first steps of the pipeline alone: the data prepared, the augmentation tried, nothing trained."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepresso import tracking
from kubepresso.config import load_config, with_absolute_places
from kubepresso.steps import prepare_dataset, validate_augmentation
from kubepresso.steps.prepare_dataset import PreparedSummary
from kubepresso.steps.resolve import digest_data
from kubepresso.steps.validate_augmentation import AugmentationSummary
from kubepresso.steps.views import cut_views

NAME = "prepare"


@dataclass(frozen=True)
class Prepared:
    """What was made.

    Args:
        dataset: The prepared folder.
        data: Its counts and findings.
        data_report: HTML.
        augmentation: What the trial of the recipes found.
        augmentation_report: HTML.
        tracking_uri: Where MLflow keeps the run, without credentials.
    """

    dataset: Path
    data: PreparedSummary
    data_report: Path
    augmentation: AugmentationSummary
    augmentation_report: Path
    tracking_uri: str


def prepare(config_uri: str, overrides: Sequence[str] = (), output: Path | None = None) -> Prepared:
    """Run prepare_dataset and validate_augmentation on this machine, for every task.

    Args:
        config_uri: A folder, prefix or file with the six modules: a path, ``file://`` or ``s3://``.
        overrides: Dotted overrides, for example ``data.checks.invalid_labels=skip``.
        output: Where ``dataset``, ``data_report.html`` and ``augmentation_report.html`` are made; None:
            ``prepared`` below ``logging.output_dir``. Each is replaced as a whole, or left as it was. A
            report is written for what is refused, too.

    Raises:
        UserError: The configuration is wrong, the data cannot be read, or a check refused them.
    """
    config = load_config(config_uri, overrides)
    for line in config.warnings:
        sys.stderr.write(f"warning: {line}\n")
    placed = with_absolute_places(config, config_uri)
    views = cut_views(placed.to_yaml())
    folder = (output or Path(config.logging.output_dir, "prepared")).absolute()
    dataset, reports = folder / "dataset", (folder / "data_report.html", folder / "augmentation_report.html")
    with tracking.pipeline_run(NAME, logging=config.logging):
        data = prepare_dataset.run(
            config=views["prepare_dataset"],
            data_digest=digest_data(placed.data),
            dataset=dataset,
            report=reports[0],
        )
        augmentation = validate_augmentation.run(
            config=views["validate_augmentation"], dataset=dataset, report=reports[1]
        )
    uri = tracking.redact(tracking.locate(config.logging).uri)
    return Prepared(dataset, data, reports[0], augmentation, reports[1], uri)
