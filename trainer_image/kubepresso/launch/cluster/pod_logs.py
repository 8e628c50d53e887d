"""The logs of all pods of a job, each line with the number of its node before it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from kubepresso.launch.cluster.api import Cluster
from kubepresso.launch.cluster.logs import Cursor, LogFollower
from kubepresso.launch.cluster.words import PodState

#: Lines of each pod's log that are kept for a failure without a report.
_TAIL_LINES = 20


class PodLogs:
    """Follows one container's log in each pod.

    Args:
        cluster: Where the pods are.
        namespace: Of the pods.
        container: Its name.
        say: Is called with each line.
    """

    def __init__(self, cluster: Cluster, namespace: str, container: str, say: Callable[[str], None]) -> None:
        self._cluster, self._namespace, self._container, self._say = cluster, namespace, container, say
        self._followers: dict[tuple[str, int], LogFollower] = {}
        self._tails: dict[str, deque[str]] = {}

    @property
    def tails(self) -> dict[str, list[str]]:
        """The last lines of each pod's log, by its name."""
        return {name: list(lines) for name, lines in self._tails.items()}

    def follow(self, pod: PodState) -> None:
        """Follow the container's present run; what of the run before was not read comes first."""
        key = (pod.uid, pod.restarts)
        if key not in self._followers:
            before = self._followers.get((pod.uid, pod.restarts - 1))
            if before is not None:
                before.over()
            elif pod.restarts:
                self._start(pod, previous=True)
            self._followers[key] = self._start(pod)
        if pod.ended:
            self._followers[key].over()

    def forget(self, uid: str) -> None:
        """Be told that a pod was deleted: what has come of its log is read, and no more."""
        for (owner, _), follower in self._followers.items():
            if owner == uid:
                follower.gone()

    def drain(self, seconds: float) -> None:
        """Read what is left of all logs, and say whose last lines could not be read in this time."""
        limit = time.monotonic() + seconds
        for follower in self._followers.values():
            follower.over()
        for follower in self._followers.values():
            follower.join(max(0.0, limit - time.monotonic()))
            if follower.is_alive():
                self._say(f"{follower.name}: the last lines may be missing, the cluster did not send them")

    def end(self) -> None:
        """Stop at once."""
        for follower in self._followers.values():
            follower.end()

    def _start(self, pod: PodState, previous: bool = False) -> LogFollower:
        tail = self._tails.setdefault(pod.name, deque(maxlen=_TAIL_LINES))

        def write(line: str) -> None:
            tail.append(line)
            self._say(f"[{pod.node}] {line}")

        follower = LogFollower(
            self._cluster, self._namespace, pod.name, self._container, write, Cursor(), previous
        )
        follower.start()
        return follower
