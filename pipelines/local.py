"""Run the very same pipeline on this machine: kfp.local, one subprocess a step, cached by content."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import dsl, local

from kubepresso import tracking
from kubepresso.config import load_config
from kubepresso.errors import UserError
from kubepresso.steps.execution import TIMINGS_VARIABLE
from kubepresso.training.entry import CHECKPOINTS_VARIABLE
from pipelines.console import Console, TaskRecord
from pipelines.train_compress_retrain import train_compress_retrain

NAME = "train-compress-retrain"


@dataclass(frozen=True)
class LocalRun:
    """What a local run gave.

    Args:
        stages: Metrics by stage: original, compressed, retrained.
        promoted: Whether the retrained model is the champion now.
        reports: Report files by name.
        model: The retrained model bundle.
        tasks: One record a task, in the order in which they ended.
        seconds: Wall time of the whole run.
        tracking_uri: Where MLflow keeps the run.
    """

    stages: dict[str, dict[str, float]]
    promoted: bool
    reports: dict[str, Path]
    model: Path
    tasks: list[TaskRecord]
    seconds: float
    tracking_uri: str

    @property
    def work_seconds(self) -> float:
        """The part of it that was the steps' own work."""
        return sum(task.work_seconds for task in self.tasks)

    @property
    def overhead_seconds(self) -> float:
        """Time outside the steps' own work: orchestration, process starts, imports."""
        return self.seconds - self.work_seconds


def run_locally(config_uri: str, overrides: Sequence[str] = (), use_cache: bool = True) -> LocalRun:
    """Run train-compress-retrain on this machine.

    Args:
        config_uri: A folder, prefix or file with the six modules.
        overrides: Dotted overrides, for example ``training.epochs=3``.
        use_cache: Take a step's result from an earlier run with the same configuration and the same bytes.

    Returns:
        The metrics of each stage, the reports, and what the run cost.

    Raises:
        UserError: The configuration is wrong, or a step failed, having said why on standard output.
    """
    started = time.perf_counter()
    config = load_config(config_uri, overrides)
    home = Path(config.logging.output_dir).resolve()
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(home / "pipeline"),
        enable_caching=use_cache,
        cache_root=str(home / "cache"),
    )
    # A step that is run again after it was killed writes elsewhere, yet goes on from where it was.
    os.environ.setdefault(CHECKPOINTS_VARIABLE, str(home / "checkpoints"))
    with _kept_timings() as timings, tracking.pipeline_run(NAME, logging=config.logging) as parent:
        outputs, tasks = _run_pipeline(parent, config_uri, overrides)
    for task, seconds in zip((task for task in tasks if not task.cached), timings, strict=True):
        task.work_seconds = seconds
    return LocalRun(
        stages={name: outputs[name].metadata for name in ("original", "compressed", "retrained")},
        promoted=bool(outputs["promoted"]),
        reports=_collect_reports(outputs, home / "reports"),
        model=Path(outputs["model"].path),
        tasks=tasks,
        seconds=time.perf_counter() - started,
        tracking_uri=tracking.redact(tracking.locate(config.logging).uri),
    )


def _run_pipeline(
    parent: tracking.PipelineRun, config_uri: str, overrides: Sequence[str]
) -> tuple[dict[str, Any], list[TaskRecord]]:
    tasks = train_compress_retrain.pipeline_spec.root.dag.tasks
    console = Console(sys.stdout, {name: task.task_info.name for name, task in tasks.items()})
    try:
        # kfp.local warns of each setting that acts on a cluster alone, and of an image not named "python".
        with console.attached(), _tried_once(tasks.values()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task = train_compress_retrain(config_uri=config_uri, overrides=list(overrides))
    except RuntimeError as error:
        failed = next((task.name for task in console.tasks if task.failed), None)
        if failed is None:
            raise
        raise UserError(f"{failed} failed; what it said stands above") from error
    finally:
        for cached in (task.name for task in console.tasks if task.cached):
            parent.cached(cached)
    return task.outputs, console.tasks


@contextlib.contextmanager
def _tried_once(tasks: Iterable[Any]) -> Iterator[None]:
    """Take the retries away, which are for lost nodes: here a try would only end the same way."""
    kept = [(task, copy.deepcopy(task.retry_policy)) for task in tasks if task.HasField("retry_policy")]
    for task, _ in kept:
        task.ClearField("retry_policy")
    try:
        yield
    finally:
        for task, policy in kept:
            task.retry_policy.CopyFrom(policy)


@contextlib.contextmanager
def _kept_timings() -> Iterator[list[float]]:
    """Let the steps write down the seconds of their own work; the list is filled when the block ends."""
    seconds: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kubepresso-") as folder:
        file = Path(folder, "timings.jsonl")
        file.touch()
        os.environ[TIMINGS_VARIABLE] = str(file)
        try:
            yield seconds
        finally:
            del os.environ[TIMINGS_VARIABLE]
            seconds += [json.loads(line)["work_seconds"] for line in file.read_text().splitlines()]


def _collect_reports(outputs: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Copy the reports to names that a person can open: artifacts of a run lie deep and have no suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    reports = {}
    for name, artifact in outputs.items():
        if isinstance(artifact, dsl.HTML):
            reports[name] = Path(shutil.copyfile(artifact.path, folder / f"{name}.html"))
    return reports
