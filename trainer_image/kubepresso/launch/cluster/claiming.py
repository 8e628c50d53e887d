"""One job for one task: made, found again, followed by one more after an interruption, swept away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kubepresso.errors import UserError
from kubepresso.launch.cluster import names
from kubepresso.launch.cluster.api import CONFLICT, POD, Cluster, ClusterError, Object
from kubepresso.launch.cluster.manifests import pod_selector
from kubepresso.launch.cluster.served import PYTORCH_JOB, TRAIN_JOB

_LOOK_SECONDS = 0.3
#: Phases of a pod that writes no more.
_ENDED = ("Succeeded", "Failed")
#: After its time to end is over, a pod that is still there is on a node that does not answer: it stays for
#: ever. Should it still run, cut off, it does the same work and does no harm.
_LOST = timedelta(seconds=60)


def claim(
    cluster: Cluster,
    path: str,
    manifest: Object,
    say: Callable[[str], None],
    grace_seconds: float = 0.0,
    is_done: Callable[[], bool] = lambda: False,
) -> Object | None:
    """Return the task's one job: the one that is there, else a new one, None where there is nothing to do.

    After a job that was marked as interrupted comes another, with the number of the attempt after its name.
    It is made when the pods of the former have ended, and before the former is deleted: so the cluster knows
    how many there were, wherever a launcher is killed. A job whose failure an earlier start of the launcher
    has told is replaced by a first attempt.

    Args:
        cluster: Where it is.
        path: Of the collection.
        manifest: The first attempt, as it is to be.
        say: Is called with what was done.
        grace_seconds: Which pods of a former job may take to end.
        is_done: Is asked before a job is made whether its result is there, from one that is gone or that
            was interrupted at its very end.

    Raises:
        UserError: A job of this name does something else or does not go, or the cluster refuses.
    """
    name = manifest["metadata"]["name"]
    started, told = time.monotonic(), False
    while True:
        attempts = _attempts(cluster, path, name)
        for former in attempts[:-1]:
            _delete(cluster, path, former)
        found = attempts[-1] if attempts else cluster.find(f"{path}/{name}")
        waited = time.monotonic() - started
        if found is not None and _is_usable(found):
            _check_same(found, manifest, path)
            where = found["metadata"]["namespace"]
            say(f"{found['metadata']['name']}: {found['kind']} found in {where}, followed from its beginning")
            return found
        if found is not None and _is_told(found):
            say(f"{name}: the job of the last try failed and is replaced")
            _delete(cluster, path, found)
        elif found is not None and (_is_deleted(found) or _living_pods(cluster, found)):
            if waited > cluster.patience_seconds + grace_seconds:
                raise _stays(cluster, found, waited)
            if not told:
                say(f"{name}: waits until the former job and its pods are gone")
                told = True
            time.sleep(_LOOK_SECONDS)
        elif is_done():
            return None
        elif made := _follow_up(cluster, path, manifest, found, last=waited > cluster.patience_seconds):
            say(f"{made['metadata']['name']}: {made['kind']} created in {made['metadata']['namespace']}")
            return made
        else:
            time.sleep(_LOOK_SECONDS)


def _attempts(cluster: Cluster, path: str, name: str, patience_seconds: float | None = None) -> list[Object]:
    """Return a task's jobs that are there, the newest last; there are two while one follows another."""
    query = {"labelSelector": f"{names.INSTANCE_LABEL}={name}"}
    found = cluster.list(path, query, patience_seconds).get("items") or []
    return sorted(found, key=_attempt)


def _attempt(job: Object) -> int:
    return int(_annotations(job).get(names.ATTEMPT_ANNOTATION, 0))


def _annotations(job: Object) -> dict[str, str]:
    return job["metadata"].get("annotations") or {}


def _is_deleted(job: Object) -> bool:
    return "deletionTimestamp" in job["metadata"]


def _is_told(job: Object) -> bool:
    return names.FAILED_ANNOTATION in _annotations(job) and not _is_deleted(job)


def _is_usable(job: Object) -> bool:
    over = {names.FAILED_ANNOTATION, names.INTERRUPTED_ANNOTATION} & set(_annotations(job))
    return not over and not _is_deleted(job)


def _delete(cluster: Cluster, path: str, job: Object, patience_seconds: float | None = None) -> None:
    if not _is_deleted(job):
        metadata = job["metadata"]
        cluster.delete(f"{path}/{metadata['name']}", metadata["uid"], patience_seconds)


def _follow_up(
    cluster: Cluster, path: str, manifest: Object, former: Object | None, last: bool
) -> Object | None:
    """Create the first job, or the one after an interrupted; None where one of its name is there.

    That is our own call heard twice, or another launcher's.
    """
    number, begun = 0, f"{time.time():.0f}"
    if former is not None:
        _check_same(former, manifest, path)
        number, begun = _attempt(former) + 1, _annotations(former)[names.STARTED_ANNOTATION]
    metadata = manifest["metadata"]
    counted = {names.ATTEMPT_ANNOTATION: str(number), names.STARTED_ANNOTATION: begun}
    name = names.attempt_name(metadata["name"], number)
    annotations = {**metadata["annotations"], **counted}
    try:
        made = cluster.create(
            path, {**manifest, "metadata": {**metadata, "name": name, "annotations": annotations}}
        )
    except ClusterError as error:
        if error.status != CONFLICT or last:
            raise
        return None
    if former is not None:
        _delete(cluster, path, former)
    return made


def _pods(cluster: Cluster, job: Object) -> list[Object]:
    kind = PYTORCH_JOB if job["kind"] == PYTORCH_JOB.kind else TRAIN_JOB
    metadata = job["metadata"]
    query = {"labelSelector": pod_selector(kind, metadata["name"])}
    return cluster.list(POD.path(metadata["namespace"]), query).get("items") or []


def _living_pods(cluster: Cluster, job: Object) -> list[Object]:
    """Return pods that may still write a checkpoint, but for those of a lost node."""
    pods = [pod for pod in _pods(cluster, job) if pod.get("status", {}).get("phase") not in _ENDED]
    return [pod for pod in pods if not _is_lost(pod)]


def _is_lost(pod: Object) -> bool:
    end = pod["metadata"].get("deletionTimestamp")  # with the grace period
    return end is not None and datetime.fromisoformat(end) + _LOST < datetime.now(UTC)


def _stays(cluster: Cluster, found: Object, waited: float) -> UserError:
    """Name the pods that keep a job from going: those of a lost node never end by themselves."""
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    pods = _pods(cluster, found) if _is_deleted(found) else _living_pods(cluster, found)
    places = [f"{pod['metadata']['name']} on {pod['spec'].get('nodeName', 'no node')}" for pod in pods]
    fix = (
        f"its pods do not end: {', '.join(places)}; if their node is lost, delete the node, or the pods by "
        "kubectl delete pod --force"
        if places
        else "it has no pods any more; look at its finalizers"
    )
    how = "deleted" if _is_deleted(found) else "interrupted"
    kind = found["kind"]
    return UserError(f"{kind} {namespace}/{name}: {how}, but still there after {waited:.0f} s; {fix}")


def delete_own(cluster: Cluster, path: str, job: Object, patience_seconds: float | None = None) -> bool:
    """Delete all attempts of a job that do the same as it; say whether there were any of its name.

    Args:
        cluster: Where it is.
        path: Of the collection.
        job: Its manifest, or one of its attempts.
        patience_seconds: See `Cluster.find`.

    Raises:
        UserError: The cluster refuses, or does not answer.
    """
    digest = _annotations(job).get(names.DIGEST_ANNOTATION)
    found = _attempts(cluster, path, job["metadata"]["labels"][names.INSTANCE_LABEL], patience_seconds)
    for attempt in found:
        if _annotations(attempt).get(names.DIGEST_ANNOTATION) == digest:
            _delete(cluster, path, attempt, patience_seconds)
    return bool(found)


def sweep(cluster: Cluster, path: str) -> None:
    """Delete failed jobs of earlier runs that were kept for long enough: a TrainJob has no time to live."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"labelSelector": "app.kubernetes.io/managed-by=kubepresso-launcher"}
    with contextlib.suppress(UserError):  # not what this step is for
        for found in cluster.list(path, query).get("items") or []:
            metadata = found["metadata"]
            until = (metadata.get("annotations") or {}).get(names.DELETE_AFTER_ANNOTATION)
            if until and until < now:
                cluster.delete(f"{path}/{metadata['name']}", metadata["uid"])


def _check_same(found: Object, manifest: Object, path: str) -> None:
    digest = _annotations(manifest).get(names.DIGEST_ANNOTATION)
    theirs = _annotations(found).get(names.DIGEST_ANNOTATION)
    if theirs != digest:
        raise UserError(
            f"{path}/{found['metadata']['name']}: a job of this name is there and does something else (its "
            f"{names.DIGEST_ANNOTATION} is {theirs or 'missing'}, expected {digest}); was the image or a "
            "setting changed between two tries? delete it and run the step again"
        )
