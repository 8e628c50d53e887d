"""One background thread that talks to MLflow, so that a step neither waits for a server nor fails with it."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kubepresso.tracking.session import import_mlflow
from kubepresso.tracking.store import Store, redact

if TYPE_CHECKING:
    from kubepresso.tracking.session import Point, Session

QUEUE_LENGTH = 10_000
FAILURES_ALLOWED = 3
_POINTS_TOGETHER = 500
_NOISY = ("urllib3.connectionpool", "alembic.runtime.migration", "alembic.runtime.plugins")

# A data loader that forks while another thread imports would give its workers a locked import system.
_importing = threading.RLock()
os.register_at_fork(
    before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release
)


@dataclass(frozen=True)
class _Call:
    what: str
    run: Callable[[Session], object]


@dataclass(frozen=True)
class _Metric:
    parent: bool
    point: Point


class Worker:
    """Runs calls in order, each guarded: the first failure gives a warning, three in a row end the tracking.

    Args:
        store: Where the runs go, for the warning.
        title: Whose run it is, for the warning.
        opening: Opens the session; it imports MLflow, so that the import runs beside the step's work.
    """

    def __init__(self, store: Store, title: str, opening: Callable[[], Session]) -> None:
        self._store, self._title, self._opening = store, title, opening
        self._session: Session | None = None
        self._opened = threading.Event()
        self._queue: queue.Queue[_Call | _Metric | None] = queue.Queue(QUEUE_LENGTH)
        self._warned = False
        self._failures = 0
        self._progress = time.monotonic()
        # Daemon: a server that never answers must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="kubepresso-tracking", daemon=True)
        self._thread.start()

    def call(self, what: str, run: Callable[[Session], object]) -> None:
        """Queue a call; ``what`` names it in a warning."""
        self._put(_Call(what, run))

    def metric(self, parent: bool, point: Point) -> None:
        """Queue a metric point of this run or of its parent; neighbours are sent together."""
        self._put(_Metric(parent, point))

    def wait_for_run(self, seconds: float) -> str | None:
        """Return the run's id once it is open; None if it could not be opened, or not in time."""
        self._opened.wait(seconds)
        return self._session.run if self._session else None

    def close(self, patience: float, limit: float) -> None:
        """Wait until all is sent, then let go.

        Args:
            patience: Seconds to wait without a single call done.
            limit: Seconds to wait in all.
        """
        start = self._progress = time.monotonic()
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=patience if self._thread.is_alive() else 0)
        while self._thread.is_alive():
            self._thread.join(0.05)
            moment = time.monotonic()
            if moment - self._progress > patience or moment - start > limit:
                self._warn("closing the run", f"no answer within {moment - start:.0f} s")
                return

    def _put(self, item: _Call | _Metric) -> None:
        if not self._thread.is_alive():
            return
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._warn("keeping up", f"{QUEUE_LENGTH} entries wait for an answer, so later ones are left out")

    def _work(self) -> None:
        with _quiet():
            opened = self._guard("opening the run", self._open)
            self._opened.set()
            if not opened:
                return
            pending: list[_Metric] = []
            while self._failures < FAILURES_ALLOWED:
                item = self._queue.get()
                if isinstance(item, _Metric):
                    pending.append(item)
                    if len(pending) < _POINTS_TOGETHER and not self._queue.empty():
                        continue
                self._send(pending)
                if item is None:
                    return
                if isinstance(item, _Call):
                    self._guard(item.what, self._bound(item.run))

    def _open(self) -> None:
        with _importing:
            import_mlflow()
        self._session = self._opening()

    def _send(self, pending: list[_Metric]) -> None:
        for parent in (False, True):
            points = [metric.point for metric in pending if metric.parent == parent]
            if points:
                self._guard(
                    "logging metrics",
                    self._bound(partial(_log, parent, points)),
                )
        pending.clear()

    def _bound(self, run: Callable[[Session], object]) -> Callable[[], object]:
        assert self._session is not None
        session = self._session
        return lambda: run(session)

    def _guard(self, what: str, run: Callable[[], object]) -> bool:
        try:
            run()
        except Exception as error:
            self._failures += 1
            self._warn(what, f"{type(error).__name__}: {error}")
            return False
        else:
            self._failures = 0
            return True
        finally:
            self._progress = time.monotonic()

    def _warn(self, what: str, problem: str) -> None:
        if self._warned:
            return
        self._warned = True
        cause = (problem.strip().splitlines() or [""])[0][:500]
        where = f"MLflow tracking of {self._title!r} at {self._store.uri}"
        result = "the step goes on, its run may be incomplete"
        sys.stderr.write(redact(f"warning: {where}: {what} failed ({cause}); {result}\n"))
        sys.stderr.flush()


def _log(parent: bool, points: list[Point], session: Session) -> None:
    session.log_points(parent, points)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop what libraries log from this thread: a retry is no news, and a failure is told in one warning."""
    thread = threading.get_ident()

    def others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    loggers = [logging.getLogger(name) for name in _NOISY]
    for logger in loggers:
        logger.addFilter(others)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(others)
