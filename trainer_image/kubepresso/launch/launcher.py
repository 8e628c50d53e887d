"""What every way to run training processes has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kubepresso.config import EnvironmentConfig
from kubepresso.errors import UserError


@dataclass(frozen=True)
class TrainingJob:
    """One training to run.

    Attributes:
        config: The view's YAML text.
        environment: The ``environment`` module: devices and number of processes.
        dataset: The prepared data set.
        output: The bundle to write.
        start: A bundle to start from, or None.
        step_id: Identifies the step's run for tracking.
        dataset_uri: Where pods find the data set: ``s3://``, or ``minio://`` as KFP writes it; None where it
            is on this machine only. The same holds for the other two.
        output_uri: Where pods write the bundle.
        start_uri: Where pods find the bundle to start from.
        task_config: The fields of ``kfp.dsl.TaskConfig``, in Kubernetes' own words: what the pipeline set
            for the task and the pods get.
    """

    config: str
    environment: EnvironmentConfig
    dataset: Path
    output: Path
    start: Path | None
    step_id: str
    dataset_uri: str | None = None
    output_uri: str | None = None
    start_uri: str | None = None
    task_config: Mapping[str, Any] | None = None


class TrainingError(UserError):
    """The training processes failed.

    Attributes:
        rank: The first one that failed; None where that is not known.
        signal: The signal that killed it, 0 for none.
    """

    def __init__(self, problems: list[str], rank: int | None = None, signal: int = 0) -> None:
        super().__init__(problems)
        self.rank = rank
        self.signal = signal


class Launcher(Protocol):
    """Runs training processes somewhere and waits for them."""

    def run(self, job: TrainingJob) -> None:
        """Run a training to its end; the bundle then lies at ``job.output``.

        Whatever ends the call ends all processes too.

        Raises:
            TrainingError: With what the first failing rank said.
        """
        ...
