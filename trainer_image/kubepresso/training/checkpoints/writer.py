"""A thread that writes checkpoints while training goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_Work = Callable[[], None]


class Writer:
    """Does one piece of work while the caller goes on; the next one is taken when that is done.

    So at most one checkpoint is on its way, and what a killed process loses is bounded by one interval and
    the time of one write. What goes wrong is raised to whoever calls next: a training that cannot keep its
    work should end.
    """

    def __init__(self) -> None:
        self._work: queue.Queue[_Work | None] = queue.Queue(maxsize=1)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None  # until there is work: a training may not come so far

    def put(self, work: _Work) -> None:
        """Hand over work; waits while an earlier piece is being done.

        Raises:
            UserError: Earlier work failed.
        """
        self.flush()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="kubepresso-checkpoints", daemon=True)
            self._thread.start()
        self._work.put(work)

    def flush(self) -> None:
        """Wait until all is done.

        Raises:
            UserError: Some of it failed.
        """
        self._work.join()
        self.check()

    def check(self) -> None:
        """Raise what went wrong, without waiting for what is being done.

        Raises:
            UserError: Earlier work failed.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """Finish what was handed over and end the thread; raises nothing."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                if self._error is None:
                    work()
            except BaseException as error:
                self._error = error
            finally:
                self._work.task_done()
        self._work.task_done()
