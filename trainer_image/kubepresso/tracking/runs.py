"""What a step holds: a run whose calls return at once and never raise."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.tracking import session as sessions
from kubepresso.tracking.store import (
    LoggingSettings,
    locate,
    lost_with_the_pod,
    pipeline_run_id,
    redact,
)
from kubepresso.tracking.worker import Worker

STEP_ID_VARIABLE = "KUBEPRESSO_STEP_ID"
CLOSE_PATIENCE = 30.0
CLOSE_LIMIT = 600.0
_KILLED_PATIENCE = 10.0


class Run:
    """One MLflow run, or its parent. Every call is queued and returns at once; trouble gives one warning."""

    def __init__(self, worker: Worker, of_parent: bool = False) -> None:
        self._worker, self._of_parent = worker, of_parent

    @property
    def parent(self) -> Run:
        """The pipeline's run; outside a pipeline what is logged on it is left out."""
        return Run(self._worker, of_parent=True)

    def wait_for_id(self, seconds: float) -> str | None:
        """Wait until the run is open on the server, for the few who cannot work without.

        Returns:
            The MLflow run's id; None if it could not be opened within ``seconds``.
        """
        return self._worker.wait_for_run(seconds)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters; nested ones get dotted names."""
        copy = dict(params)
        self._call("logging parameters", lambda session, run: session.log_params(run, copy))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics, at ``step`` where they form a curve."""
        moment = sessions.now()
        for name, value in metrics.items():
            self._worker.metric(self._of_parent, (name, value, moment, step or 0))

    def log_curves(self, rows: Mapping[int, Mapping[str, float]]) -> None:
        """Log metrics by step; points that the run has already, of an earlier start of its step, stay."""
        copy, moment = {step: dict(values) for step, values in rows.items()}, sessions.now()
        self._call("logging metrics", lambda session, run: session.log_curves(run, copy, moment))

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a folder's files. It must stay where it is until the run is closed."""
        self._call(f"logging {path}", lambda session, run: session.log_artifact(run, Path(path), folder))

    def log_text(self, text: str, file: str) -> None:
        """Log a text under a path inside the run's artifacts."""
        self._call(f"logging {file}", lambda session, run: session.client.log_text(run, text, file))

    def log_dict(self, content: Mapping[str, Any], file: str) -> None:
        """Log a mapping as JSON or YAML, by the ending of ``file``."""
        copy = dict(content)
        self._call(f"logging {file}", lambda session, run: session.client.log_dict(run, copy, file))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        copy = dict(tags)
        self._call("setting tags", lambda session, run: session.set_tags(run, copy))

    def _call(self, what: str, call: Callable[[sessions.Session, str], object]) -> None:
        def on_target(session: sessions.Session) -> None:
            target = session.parent if self._of_parent else session.run
            if target:
                call(session, target)

        self._worker.call(what, on_target)


class PipelineRun(Run):
    """The parent run, held by the command line while the pipeline runs.

    Attributes:
        run_id: The pipeline run's id, which its steps read from ``KUBEPRESSO_RUN_ID``.
    """

    def __init__(self, worker: Worker, run_id: str) -> None:
        super().__init__(worker)
        self.run_id = run_id
        self.failure: str | None = None
        self._cached: list[str] = []

    def cached(self, title: str) -> None:
        """Record that a step was a cache hit and therefore has no run of its own."""
        self._cached.append(title)
        self.set_tags({sessions.CACHED_TAG: ", ".join(self._cached)})

    def failed(self, reason: str) -> None:
        """Record a failure that raises nothing here; the run ends as FAILED."""
        self.failure = reason


@contextlib.contextmanager
def step_run(
    step: str,
    *,
    title: str | None = None,
    logging: LoggingSettings | None = None,
    tags: Mapping[str, str] | None = None,
    step_id: str | None = None,
) -> Iterator[Run]:
    """Open the run of a step.

    Inside a pipeline it is a child of the pipeline's run; where ``MLFLOW_RUN_ID`` is set it is that run;
    else it stands alone. An exception in the block ends it as FAILED with the message in the tag
    ``kubepresso.error``, an interrupt or SIGTERM as KILLED. No trouble with tracking reaches the block.

    Args:
        step: The step's name, kept in the tag ``kubepresso.step``.
        title: The run's name; None is the step's name.
        logging: The ``logging`` module, read where no tracking variables are set.
        tags: More tags, for example the digests of configuration and data.
        step_id: Where ``KUBEPRESSO_STEP_ID`` names none: a start goes on in the run of an earlier one of this
            id that did not end well.

    Yields:
        The run.
    """
    store, pipeline = locate(logging), pipeline_run_id()
    named = title or step
    if lost_with_the_pod():
        sys.stderr.write(
            f"warning: the MLflow run of {named!r} is kept in this pod only and ends with it; set "
            "MLFLOW_TRACKING_URI in the ConfigMap `kubepresso` of this namespace\n"
        )
    known = os.environ.get(STEP_ID_VARIABLE) or step_id
    identity = {sessions.STEP_ID_TAG: known or uuid.uuid4().hex}
    every_tag = {**identity, sessions.HOST_TAG: socket.gethostname(), **(tags or {})}
    adopts = bool(known)
    worker = Worker(store, named, lambda: sessions.open_step(store, step, named, pipeline, every_tag, adopts))
    with _closing(worker), _terminate_as_exit():
        yield Run(worker)


@contextlib.contextmanager
def pipeline_run(
    title: str,
    *,
    logging: LoggingSettings | None = None,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[PipelineRun]:
    """Open the run that holds a whole pipeline run, for whoever starts and awaits it.

    Within the block ``KUBEPRESSO_RUN_ID``, ``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME`` are set, so
    that the processes of the steps find the same store and parent. At the end children that never closed end
    as FAILED.

    Args:
        title: The run's name.
        logging: The ``logging`` module, read where no tracking variables are set.
        run_id: The pipeline run's id; None makes one.
        tags: More tags.

    Yields:
        The run, with ``cached`` and ``failed``.
    """
    store, run_id = locate(logging), run_id or pipeline_run_id() or uuid.uuid4().hex
    worker = Worker(store, title, lambda: sessions.open_pipeline(store, title, run_id, tags or {}))
    run = PipelineRun(worker, run_id)
    variables = {
        "KUBEPRESSO_RUN_ID": run_id,
        "MLFLOW_TRACKING_URI": store.uri,
        "MLFLOW_EXPERIMENT_NAME": store.experiment,
    }
    with _closing(worker, lambda: run.failure), _environment(variables):
        try:
            yield run
        finally:
            worker.call("ending the steps' runs", lambda session: session.end_children())


def mark_failed(
    step: str,
    reason: str,
    *,
    title: str | None = None,
    logging: LoggingSettings | None = None,
    step_id: str | None = None,
) -> None:
    """Close the run of a step whose process was killed before it could close it, or correct the reason.

    Args:
        step: The step's name.
        reason: What happened, kept in the tag ``kubepresso.error``.
        title: The run's name, should it have to be made; None is the step's name.
        logging: As given to ``step_run``.
        step_id: What the process had in ``KUBEPRESSO_STEP_ID``; its run is marked even if it closed it itself
            as failed or killed, and made if the process did not live long enough to open it. None closes the
            step's runs in this pipeline run (outside a pipeline: on this machine) that are still open.
    """
    store, pipeline = locate(logging), pipeline_run_id()

    def mark(session: sessions.Session) -> None:
        runs = sessions.open_runs(session, store, step, step_id)
        if not runs and step_id:
            tags = {sessions.STEP_ID_TAG: step_id, sessions.HOST_TAG: socket.gethostname()}
            runs = [sessions.open_step(store, step, title or step, pipeline, tags).run]
        session.fail(runs, redact(reason))

    worker = Worker(store, step, lambda: sessions.open_plain(store))
    worker.call("marking the run as failed", mark)
    worker.close(CLOSE_PATIENCE, CLOSE_LIMIT)


@contextlib.contextmanager
def _closing(worker: Worker, failure: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """End the run in the state that the block's outcome asks for, then wait for the worker within bounds."""
    status, error, patience = "FINISHED", None, CLOSE_PATIENCE
    try:
        yield
        error = failure()
        status = "FAILED" if error else "FINISHED"
    except BaseException as raised:
        status, error = _outcome(raised)
        patience = _KILLED_PATIENCE if status == "KILLED" else CLOSE_PATIENCE
        raise
    finally:
        message = redact(error) if error else None
        worker.call("ending the run", lambda session: session.end(status, message))
        worker.close(patience, CLOSE_LIMIT)


def _outcome(raised: BaseException) -> tuple[str, str | None]:
    if isinstance(raised, SystemExit) and raised.code in (None, 0):
        return "FINISHED", None
    if isinstance(raised, KeyboardInterrupt | GeneratorExit):
        return "KILLED", "interrupted"
    if isinstance(raised, SystemExit):
        if raised.code == RESUME_EXIT_CODE:
            return "KILLED", "interrupted; it goes on from its checkpoint when it is started again"
        killed = raised.code == 128 + signal.SIGTERM
        return ("KILLED", "terminated") if killed else ("FAILED", f"exit status {raised.code}")
    return "FAILED", str(raised) or type(raised).__name__


@contextlib.contextmanager
def _terminate_as_exit() -> Iterator[None]:
    """Turn SIGTERM into an orderly exit where nobody else handles it: a deleted pod's run ends as KILLED."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    owner = os.getpid()

    def leave(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            # A forked data loader worker inherits this handler but not the run.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
