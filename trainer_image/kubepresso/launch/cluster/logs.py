"""A pod's log as it grows, each line once, whatever happens to the connection."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable

from kubernetes.client.exceptions import ApiException

from kubepresso.launch.cluster.api import NOT_FOUND, POD, UNREACHABLE, Cluster

#: A log may be silent for as long as a collective operation takes; then the connection is made anew.
_SILENCE_SECONDS = 120.0
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
_PAUSE_SECONDS, _LONGEST_PAUSE = 0.5, 10.0


class Cursor:
    """Knows which lines of a log were seen, by the time that the kubelet writes before each.

    A log is asked for from a whole second on, and several lines may have one time; so the lines of the last
    time are counted.
    """

    def __init__(self) -> None:
        self._last, self._count = "", 0
        self._again, self._catching_up = 0, False

    @property
    def since(self) -> str | None:
        """From when to ask, as RFC 3339 in whole seconds; None: from the beginning."""
        return f"{self._last[:19]}Z" if self._last else None

    def restart(self) -> None:
        """Be told that lines are read from `since` on again."""
        self._again, self._catching_up = 0, bool(self._last)

    def new(self, line: str) -> str | None:
        """Return the text of a line without its time, None where it was seen."""
        moment, _, text = line.partition(" ")
        if not _MOMENT.match(moment):
            return line  # a word of the kubelet itself
        moment = _comparable(moment)
        if self._catching_up:
            self._again += moment == self._last
            if moment < self._last or (moment == self._last and self._again <= self._count):
                return None
            self._catching_up = False
        if moment > self._last:  # output and errors come by two ways, so that a line may be older
            self._last, self._count = moment, 0
        self._count += moment == self._last
        return text


def _comparable(moment: str) -> str:
    """Write a time so that text order is the order in time: the kubelet leaves out zeros at the end."""
    head, _, fraction = moment.rstrip("Z").partition(".")
    return f"{head}.{fraction:0<9}"


class LogFollower(threading.Thread):
    """Prints one container's log in a thread of its own, from its beginning to its end.

    Args:
        cluster: Where the pod is.
        namespace: Of the pod.
        pod: Its name.
        container: Its name.
        write: Is called with each line, without line end.
        previous: Read what the container's former run left, instead of what the present one writes.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        pod: str,
        container: str,
        write: Callable[[str], None],
        cursor: Cursor,
        previous: bool = False,
    ) -> None:
        super().__init__(name=f"log-{pod}", daemon=True)
        self._cluster, self._write, self._cursor = cluster, write, cursor
        self._path = f"{POD.path(namespace, pod)}/log"
        self._query = {"container": container, "timestamps": "true"}
        self._query |= {"previous": "true"} if previous else {"follow": "true"}
        self._over = threading.Event()
        self._gone = threading.Event()
        self._ended = threading.Event()

    def over(self) -> None:
        """Be told that the container has ended: the log is read to its end once more, and that is all."""
        self._over.set()

    def gone(self) -> None:
        """Be told that the pod was deleted: what still comes is read; its name may be another's by now."""
        self._gone.set()
        self._over.set()

    def end(self) -> None:
        """Stop at once."""
        self._ended.set()

    def run(self) -> None:
        """Follow the log."""
        pause, limit = _PAUSE_SECONDS, None
        while not (self._ended.is_set() or self._gone.is_set()):
            was_over = self._over.is_set()
            if was_over and limit is None:
                limit = time.monotonic() + self._cluster.patience_seconds
            try:
                if self._read():
                    pause = _PAUSE_SECONDS
                if was_over or "previous" in self._query:
                    return
            except ApiException as error:
                if error.status == NOT_FOUND or (was_over and error.status == 400):
                    return  # the pod is gone, and its log with it
            except UNREACHABLE:
                pass
            if limit is not None and time.monotonic() > limit:
                return
            self._over.wait(pause) if not was_over else self._ended.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _read(self) -> bool:
        """Read what is there and what comes; say whether a line was new."""
        since = self._cursor.since
        query = {**self._query, **({"sinceTime": since} if since else {})}
        self._cursor.restart()
        fresh = False
        with contextlib.closing(self._cluster.stream(self._path, query, _SILENCE_SECONDS)) as lines:
            for line in lines:
                if self._ended.is_set():
                    return fresh
                text = self._cursor.new(line.decode("utf-8", "replace"))
                if text is not None:
                    fresh = True
                    self._write(text)
        return fresh
