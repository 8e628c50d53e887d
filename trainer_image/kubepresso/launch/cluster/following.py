"""A training job from its creation to its end: logs, progress and events in words, limits."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from kubepresso.launch.cluster.api import EVENT, POD, Cluster, Object
from kubepresso.launch.cluster.manifests import PYTORCH_CONTAINER, TRAINER_CONTAINER, pod_selector
from kubepresso.launch.cluster.pod_logs import PodLogs
from kubepresso.launch.cluster.served import PYTORCH_JOB, TRAIN_JOB
from kubepresso.launch.cluster.watching import RESYNC_SECONDS, Seen, Trouble, Watcher
from kubepresso.launch.cluster.words import QUIET_EVENTS, PodState, read_event, read_pod, removed_pod

_LOOK_SECONDS = 0.5
#: How long the deletion of a pod may be heard of after the pod is gone.
_LAST_EVENTS_SECONDS = 3.0
#: By which the clocks of API servers and nodes may differ.
_SKEW = timedelta(seconds=5)


@dataclass(frozen=True)
class Limits:
    """How long the follower waits for what.

    Attributes:
        stuck_seconds: For an image that cannot be pulled or a container that cannot be made.
        drain_seconds: For the last lines of the logs.
        resync_seconds: Until all is listed again.
        deadline: When training must be over, in seconds since 1970; None for never.
        pod_failures: How many pods may fail while the job goes on.
        nodes: With how many pods training goes on: while so many run, one that cannot start is no reason to
            end them.
    """

    stuck_seconds: float = 180.0
    drain_seconds: float = 20.0
    resync_seconds: float = RESYNC_SECONDS
    deadline: float | None = None
    pod_failures: int = 0
    nodes: int = 1


@dataclass(frozen=True)
class Outcome:
    """How following ended.

    Attributes:
        state: ``stuck``, ``timeout``, ``failing`` (more pods failed than may) and ``deleted`` are the
            follower's own findings, the others the job's.
        said: The reason.
        pods: The newest state of each pod that the job had.
        tails: The last lines of each pod's log.
    """

    state: Literal["succeeded", "failed", "stuck", "timeout", "failing", "deleted"]
    said: str
    pods: list[PodState]
    tails: dict[str, list[str]]


class Follower:
    """Follows one job.

    Args:
        cluster: Where it is.
        job: The object as it was found or made.
        say: Is called with each line for whoever watches.
        limits: How long to wait.
    """

    def __init__(self, cluster: Cluster, job: Object, say: Callable[[str], None], limits: Limits) -> None:
        self._cluster, self._say, self._limits = cluster, say, limits
        self._job = job
        metadata = job["metadata"]
        self._name, self._namespace = metadata["name"], metadata["namespace"]
        self._is_pytorch = job["kind"] == PYTORCH_JOB.kind
        self._container = PYTORCH_CONTAINER if self._is_pytorch else TRAINER_CONTAINER
        self._has_master = "Master" in job["spec"].get("pytorchReplicaSpecs", {})
        self._logs = PodLogs(cluster, self._namespace, self._container, say)
        self._heard: queue.Queue[Seen | Trouble] = queue.Queue()
        self._pods: dict[str, PodState] = {}
        self._said: dict[str, str] = {}
        self._stuck_since: dict[str, float] = {}
        self._is_known, self._is_paused, self._paused_pods = False, False, set[str]()

    def wait(self, path: str) -> Outcome:
        """Wait for the job's end.

        Args:
            path: Of the collection that the job is in.

        Raises:
            UserError: The cluster refused, or was away for too long.
        """
        watchers = self._watchers(path)
        for watcher in watchers:
            watcher.start()
        try:
            outcome = None
            while outcome is None:
                outcome = self._step()
            self._look_at_pods()
            if outcome[0] in ("succeeded", "failed"):
                self._logs.drain(self._limits.drain_seconds)
        finally:
            for watcher in watchers:
                watcher.end()
            self._logs.end()
        return Outcome(outcome[0], outcome[1], list(self._pods.values()), self._logs.tails)

    def _watchers(self, path: str) -> list[Watcher]:
        def watcher(source: str, place: str, query: dict[str, str]) -> Watcher:
            return Watcher(self._cluster, source, place, query, self._heard.put, self._limits.resync_seconds)

        # Names of pods and of Kueue's workload are not known, so what is left out is told by the reason.
        told = ",".join(f"reason!={reason}" for reason in QUIET_EVENTS)
        return [
            watcher("job", path, {"fieldSelector": f"metadata.name={self._name}"}),
            watcher("pods", POD.path(self._namespace), {"labelSelector": self._selector}),
            watcher("events", EVENT.path(self._namespace), {"fieldSelector": told}),
        ]

    @property
    def _selector(self) -> str:
        return pod_selector(PYTORCH_JOB if self._is_pytorch else TRAIN_JOB, self._name)

    def _step(self) -> tuple[Any, str] | None:
        """Take in one thing that was heard, or look at the clock; say how it ended, if it did."""
        try:
            heard = self._heard.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return self._overdue()
        return self._take(heard) or self._overdue()  # a busy namespace is never silent

    def _take(self, heard: Seen | Trouble) -> tuple[Any, str] | None:
        if isinstance(heard, Trouble):
            if heard.source != "events":
                raise heard.error
            self._say(f"events are not shown: {heard.error}")
        elif heard.source == "job":
            return self._take_job(heard)
        elif heard.source == "pods":
            return self._take_pods(heard)
        else:
            for event in heard.objects:
                self._take_event(event)
        return None

    def _take_job(self, heard: Seen) -> tuple[Any, str] | None:
        if heard.deleted or (heard.complete and not heard.objects):
            return "deleted", "was deleted by someone else while it trained"
        job, self._is_known = heard.objects[0], True
        if job["metadata"]["uid"] != self._job["metadata"]["uid"]:
            return "deleted", "was deleted and made again by someone else while it trained"
        self._is_paused = _is_suspended(job["spec"])
        if self._is_paused:
            self._paused_pods |= self._pods.keys()
        for condition in job.get("status", {}).get("conditions") or []:
            if condition["status"] != "True":
                continue
            text = " ".join(str(condition.get("message", "")).split())
            if condition["type"] in ("Complete", "Succeeded"):
                return "succeeded", text
            if condition["type"] == "Failed":
                return "failed", f"{condition.get('reason', '')}: {text}"
            if condition["type"] == "Suspended":
                self._tell("job", f"waits until it is admitted: {text}")
        return None

    def _take_pods(self, heard: Seen) -> tuple[Any, str] | None:
        for pod in heard.objects:
            self._take_pod(pod, heard.deleted)
        if heard.complete:
            self._take_missing({pod["metadata"]["uid"] for pod in heard.objects})
        counted = [pod for uid, pod in self._pods.items() if uid not in self._paused_pods]
        failed = sum(pod.restarts + bool(pod.ended and pod.exit_code) for pod in counted)
        if self._limits.pod_failures and failed > self._limits.pod_failures:
            return "failing", f"pods failed {failed} times; environment.distributed.max_restarts is reached"
        return None

    def _take_pod(self, content: Object, deleted: bool = False) -> None:
        if self._is_older(content["metadata"]["creationTimestamp"]):
            return  # of a former job of this name
        pod = read_pod(content, self._container, self._has_master)
        if deleted:
            pod = removed_pod(pod, content)
        self._pods[pod.uid] = pod
        if self._is_paused:
            self._paused_pods.add(pod.uid)
        if pod.running:
            self._logs.follow(pod)
        if deleted:
            self._logs.forget(pod.uid)
        if pod.stuck and not deleted:
            self._stuck_since.setdefault(pod.uid, time.monotonic())
        else:
            self._stuck_since.pop(pod.uid, None)
        if pod.text:
            self._tell(pod.name, f"{pod.node} {pod.text}")
        elif pod.phase != "Pending":
            self._tell(pod.name, f"{pod.node} is {pod.phase.lower()} ({pod.name})")

    def _is_older(self, moment: str) -> bool:
        """Say whether something was before the job, whichever of the cluster's clocks says so."""
        created = datetime.fromisoformat(self._job["metadata"]["creationTimestamp"])
        return datetime.fromisoformat(moment) < created - _SKEW

    def _take_missing(self, there: set[str]) -> None:
        """Take in pods that went while nobody watched."""
        for uid in self._pods.keys() - there:
            self._pods[uid] = removed_pod(self._pods[uid])
            self._logs.forget(uid)
            self._stuck_since.pop(uid, None)

    def _take_event(self, event: Object) -> None:
        if self._name not in event.get("involvedObject", {}).get("name", ""):
            return
        moment = event.get("lastTimestamp") or event.get("eventTime") or ""
        if moment and self._is_older(moment):
            return
        if text := read_event(event):
            self._tell(f"event {event['metadata']['name']}", text)

    def _tell(self, about: str, text: str) -> None:
        """Say something of a thing unless it was the last that was said of it."""
        if self._said.get(about) != text:
            self._said[about] = text
            self._say(f"{self._name}: {text}")

    def _overdue(self) -> tuple[Any, str] | None:
        deadline = self._limits.deadline
        # A job of which nothing was heard yet may have ended in time.
        if deadline is not None and self._is_known and time.time() > deadline:
            return "timeout", ""
        if sum(pod.running and not pod.ended for pod in self._pods.values()) >= self._limits.nodes:
            self._stuck_since = dict.fromkeys(self._stuck_since, time.monotonic())
        for uid, since in self._stuck_since.items():
            if time.monotonic() - since > self._limits.stuck_seconds:
                pod = self._pods[uid]
                return "stuck", f"{pod.node} ({pod.name}): {pod.text}"
        return None

    def _look_at_pods(self) -> None:
        """Read the pods anew, and hear how those ended that are gone: it may be known after the job's end."""
        query = {"labelSelector": self._selector}
        found = list(self._cluster.list(POD.path(self._namespace), query).get("items") or [])
        there = {pod["metadata"]["uid"] for pod in found}
        limit = time.monotonic() + _LAST_EVENTS_SECONDS
        while self._has_gone(there) and time.monotonic() < limit:
            with contextlib.suppress(queue.Empty):
                heard = self._heard.get(timeout=_LOOK_SECONDS)
                if isinstance(heard, Seen) and heard.source == "pods":
                    self._take_pods(heard)
        self._take_pods(Seen("pods", found, complete=True))

    def _has_gone(self, there: set[str]) -> bool:
        return any(pod.running and not pod.ended for uid, pod in self._pods.items() if uid not in there)


def _is_suspended(spec: Object) -> bool:
    """Say whether pods are taken from the job until there is quota for it again, as Kueue does."""
    return bool(spec.get("suspend") or spec.get("runPolicy", {}).get("suspend"))
