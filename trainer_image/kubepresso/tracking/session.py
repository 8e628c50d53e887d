"""The MLflow side of a run: all here may block or raise, and is called from the worker's thread alone."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubepresso.tracking.store import Store, pipeline_run_id, set_mlflow_defaults

if TYPE_CHECKING:
    from mlflow import MlflowClient

PIPELINE_TAG = "kubepresso.pipeline_run_id"
STEP_TAG = "kubepresso.step"
STEP_ID_TAG = "kubepresso.step_id"
ERROR_TAG = "kubepresso.error"
HOST_TAG = "kubepresso.host"
CACHED_TAG = "kubepresso.cached"
PARENT_TAG = "mlflow.parentRunId"
_BATCH = 100
_LONGEST_PARAM = 6000
_LONGEST_TAG = 5000

Point = tuple[str, float, int, int]


@dataclass
class Session:
    """One run that is open on a store.

    Attributes:
        client: The MLflow client.
        experiment: The id of the experiment that holds the run.
        run: The id of this run.
        parent: The id of the pipeline's run; None for a run that stands alone.
        keeps_parent: Whether the parent's status follows the steps: no command line waits for the pipeline.
        curves: Steps that a run's curve has, by run and metric, once they were asked for.
    """

    client: MlflowClient
    experiment: str = ""
    run: str = ""
    parent: str | None = None
    keeps_parent: bool = False
    curves: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def log_points(self, of_parent: bool, points: Sequence[Point]) -> None:
        """Send metric points (name, value, time in ms, step) in batches."""
        from mlflow.entities import Metric

        run = self.parent if of_parent else self.run
        if not run:
            return
        metrics = [Metric(name, float(value), when, step) for name, value, when, step in points]
        for start in range(0, len(metrics), 10 * _BATCH):
            self.client.log_batch(run, metrics=metrics[start : start + 10 * _BATCH])

    def log_curves(self, run: str, rows: Mapping[int, Mapping[str, float]], when: int) -> None:
        """Send metrics by step, without points that the run has."""
        from mlflow.entities import Metric

        metrics = []
        for step, values in rows.items():
            for name, value in values.items():
                if (run, name) not in self.curves:
                    points = self.client.get_metric_history(run, name)
                    self.curves[run, name] = {point.step for point in points}
                if step not in self.curves[run, name]:
                    metrics.append(Metric(name, float(value), when, step))
        for start in range(0, len(metrics), 10 * _BATCH):
            self.client.log_batch(run, metrics=metrics[start : start + 10 * _BATCH])
        for metric in metrics:
            self.curves[run, metric.key].add(metric.step)

    def log_params(self, run: str, params: Mapping[str, Any]) -> None:
        """Send parameters, nested ones under dotted names."""
        from mlflow.entities import Param

        flat = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in _flatten(params)]
        for start in range(0, len(flat), _BATCH):
            self.client.log_batch(run, params=flat[start : start + _BATCH])

    def set_tags(self, run: str, tags: Mapping[str, Any]) -> None:
        """Set tags, cut to the length that a server takes."""
        from mlflow.entities import RunTag

        rows = [RunTag(name, str(value)[:_LONGEST_TAG]) for name, value in tags.items()]
        for start in range(0, len(rows), _BATCH):
            self.client.log_batch(run, tags=rows[start : start + _BATCH])

    def log_artifact(self, run: str, path: Path, folder: str | None) -> None:
        """Send a file, or all files below a folder."""
        if path.is_dir():
            self.client.log_artifacts(run, str(path), folder)
        elif not path.suffix and _is_page(path):
            # A pipeline's outputs have no suffix, by which MLflow knows what it can show.
            name = f"{folder}/{path.name}.html" if folder else f"{path.name}.html"
            self.client.log_text(run, path.read_text(encoding="utf-8"), name)
        else:
            self.client.log_artifact(run, str(path), folder)

    def end(self, status: str, error: str | None) -> None:
        """Close the run, and set the parent's status where no command line does."""
        if error:
            self.set_tags(self.run, {ERROR_TAG: error})
        self.client.set_terminated(self.run, status)
        if self.parent and self.keeps_parent:
            self.client.set_terminated(self.parent, status)

    def fail(self, runs: Sequence[str], reason: str) -> None:
        """Mark runs as failed."""
        for run in runs:
            self.set_tags(run, {ERROR_TAG: reason})
            self.client.set_terminated(run, "FAILED")

    def running(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the runs that carry all these tags and are still open."""
        return self._search(f"{_query(tags)} and attributes.status = 'RUNNING'")

    def unfinished(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the runs that carry all these tags and did not end well."""
        return self._search(f"{_query(tags)} and attributes.status != 'FINISHED'")

    def _search(self, query: str) -> list[str]:
        return [run.info.run_id for run in self.client.search_runs([self.experiment], query)]

    def end_children(self) -> None:
        """Mark children that are still open as failed: their process has ended without a word."""
        self.fail(self.running({PARENT_TAG: self.run}), "the step's process ended without closing its run")


def import_mlflow() -> None:
    """Import MLflow with short HTTP requests and without its progress messages."""
    set_mlflow_defaults()
    import mlflow  # noqa: F401

    logging.getLogger("mlflow").setLevel(logging.ERROR)


def connect(store: Store) -> MlflowClient:
    """Open the store.

    Raises:
        MlflowException: It cannot be opened.
    """
    from mlflow import MlflowClient

    if store.lock:
        store.lock.parent.mkdir(parents=True, exist_ok=True)
    with creation_lock(store):
        client = MlflowClient(store.uri, store.uri)
        # The client opens a database, and makes its tables, at the first call.
        client.search_experiments(max_results=1)
    return client


def find_experiment(client: MlflowClient, store: Store) -> str:
    """Return the id of the store's experiment, created if missing.

    Raises:
        MlflowException: It was deleted.
    """
    from mlflow.exceptions import MlflowException

    with creation_lock(store):
        experiment = client.get_experiment_by_name(store.experiment)
        if experiment is None:
            try:
                return str(client.create_experiment(store.experiment, store.artifacts))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                experiment = client.get_experiment_by_name(store.experiment)
    if experiment.lifecycle_stage == "deleted":
        raise MlflowException(
            f"experiment {store.experiment!r} was deleted: restore it, or choose another name"
        )
    return str(experiment.experiment_id)


@contextlib.contextmanager
def creation_lock(store: Store) -> Iterator[None]:
    """Let one process at a time create what is missing in an SQLite file; a server needs no lock."""
    if store.lock is None:
        yield
        return
    with store.lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def open_step(
    store: Store, step: str, title: str, pipeline: str | None, tags: Mapping[str, str], adopts: bool = False
) -> Session:
    """Start the run of a step: the run that ``MLFLOW_RUN_ID`` names, else a child of the pipeline's run.

    Args:
        store: Where it is kept.
        step: Its name.
        title: The run's name.
        pipeline: Id of the pipeline run; None for a step that stands alone.
        tags: Of the run.
        adopts: Whether to go on with a run that bears the same step id and did not end well: that of a
            training which was interrupted.
    """
    resumed = os.environ.get("MLFLOW_RUN_ID")
    client = connect(store)
    session = Session(client, keeps_parent=not os.environ.get("KUBEPRESSO_RUN_ID"))
    tags = {STEP_TAG: step, **tags}
    if resumed:
        session.run = resumed
        session.parent = client.get_run(resumed).data.tags.get(PARENT_TAG)
        # Whoever handed the run over keeps the parent, too.
        session.keeps_parent = False
        client.update_run(resumed, status="RUNNING")
        session.set_tags(resumed, tags)
        return session
    if pipeline:
        session.experiment, session.parent = find_parent(client, store, pipeline, f"pipeline {pipeline}")
        tags[PARENT_TAG] = session.parent
        if session.keeps_parent:
            client.update_run(session.parent, status="RUNNING")
    else:
        session.experiment = find_experiment(client, store)
    if adopts and (begun := session.unfinished({key: tags[key] for key in (STEP_TAG, STEP_ID_TAG)})):
        session.run = begun[0]
        client.update_run(session.run, status="RUNNING")
        session.set_tags(session.run, tags)
    else:
        session.run = client.create_run(session.experiment, tags=tags, run_name=title).info.run_id
    return session


def open_pipeline(store: Store, title: str, pipeline: str, tags: Mapping[str, str]) -> Session:
    """Find or create the pipeline's run and set it running."""
    client = connect(store)
    session = Session(client)
    session.experiment, session.run = find_parent(client, store, pipeline, title)
    client.update_run(session.run, status="RUNNING", name=title)
    session.set_tags(session.run, tags)
    return session


def open_plain(store: Store) -> Session:
    """Open the store without a run."""
    return Session(connect(store))


def open_runs(session: Session, store: Store, step: str, step_id: str | None) -> list[str]:
    """Return the ids of the runs of a step that are still open, for whoever outlived its process.

    With a step's id also those that the process closed as failed or killed: why, its launcher knows better.
    """
    if resumed := os.environ.get("MLFLOW_RUN_ID"):
        return [resumed]
    tags = {STEP_TAG: step}
    if step_id:
        tags[STEP_ID_TAG] = step_id
    if pipeline := pipeline_run_id():
        session.experiment, tags[PARENT_TAG] = find_parent(
            session.client, store, pipeline, f"pipeline {pipeline}"
        )
    else:
        session.experiment = find_experiment(session.client, store)
        if not step_id:
            tags[HOST_TAG] = socket.gethostname()
    return session.unfinished(tags) if step_id else session.running(tags)


def find_parent(client: MlflowClient, store: Store, pipeline: str, title: str) -> tuple[str, str]:
    """Return the experiment and the id of the pipeline's run, created if missing.

    It is looked for in every experiment: its steps may each know the experiment by another name, or by none.
    Where two processes created one at the same time on a server, both take the older; the other is deleted.
    """
    with creation_lock(store):
        found = _pipeline_runs(client, pipeline)
    if found:
        return found[0]
    experiment = find_experiment(client, store)
    with creation_lock(store):
        if found := _pipeline_runs(client, pipeline):
            return found[0]
        tags = {PIPELINE_TAG: pipeline, STEP_TAG: "pipeline"}
        created = (experiment, client.create_run(experiment, tags=tags, run_name=title).info.run_id)
        oldest = _pipeline_runs(client, pipeline)[0]
    if oldest != created:
        client.delete_run(created[1])
    return oldest


def now() -> int:
    """Return the time in milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)


def _pipeline_runs(client: MlflowClient, pipeline: str) -> list[tuple[str, str]]:
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, _query({PIPELINE_TAG: pipeline, STEP_TAG: "pipeline"}))
    oldest_first = sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))
    return [(run.info.experiment_id, run.info.run_id) for run in oldest_first]


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15).lower() == b"<!doctype html>"


def _query(tags: Mapping[str, str]) -> str:
    quoted = {name: value.replace("'", "") for name, value in tags.items()}
    return " and ".join(f"tags.`{name}` = '{value}'" for name, value in quoted.items())


def _flatten(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
