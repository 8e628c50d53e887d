"""One job for one task: made, found again, replaced after a failure that was told, swept away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from kubepresso.errors import UserError
from kubepresso.launch.cluster import names
from kubepresso.launch.cluster.api import CONFLICT, POD, Cluster, ClusterError, Object
from kubepresso.launch.cluster.manifests import pod_selector
from kubepresso.launch.cluster.served import PYTORCH_JOB, TRAIN_JOB

_LOOK_SECONDS = 0.3


def claim(
    cluster: Cluster, path: str, manifest: Object, say: Callable[[str], None], grace_seconds: float = 0.0
) -> Object:
    """Return the task's one job: the one that is there, else a new one.

    A job whose failure an earlier start of the launcher has told is replaced; training goes on from its
    checkpoints.

    Args:
        cluster: Where it is.
        path: Of the collection.
        manifest: As it is to be.
        say: Is called with what was done.
        grace_seconds: Which pods of a former job may take to end.

    Raises:
        UserError: A job of this name does something else or does not go, or the cluster refuses.
    """
    metadata = manifest["metadata"]
    name, annotations = metadata["name"], metadata["annotations"]
    annotations.setdefault(names.ATTEMPT_ANNOTATION, "0")
    annotations.setdefault(names.STARTED_ANNOTATION, f"{time.time():.0f}")
    started, told = time.monotonic(), False
    while True:
        found = cluster.find(f"{path}/{name}")
        waited = time.monotonic() - started
        if found is None:
            if made := _create(cluster, path, manifest, last=waited > cluster.patience_seconds):
                say(f"{name}: {made['kind']} created in {made['metadata']['namespace']}")
                return made
        elif "deletionTimestamp" in found["metadata"]:
            if waited > cluster.patience_seconds + grace_seconds:
                raise _stays(cluster, found, waited)
            if not told:
                say(f"{name}: waits until the former job and its pods are gone")
                told = True
        elif names.FAILED_ANNOTATION in (found["metadata"].get("annotations") or {}):
            say(f"{name}: the job of the last try failed and is replaced")
            cluster.delete(f"{path}/{name}", found["metadata"]["uid"])
            continue
        else:
            _check_same(found, annotations[names.DIGEST_ANNOTATION], path)
            where = found["metadata"]["namespace"]
            say(f"{name}: {found['kind']} found in {where}, followed from its beginning")
            return found
        time.sleep(_LOOK_SECONDS)


def _create(cluster: Cluster, path: str, manifest: Object, last: bool) -> Object | None:
    """Create a job; None where one of its name is there: our own call heard twice, or another launcher's."""
    try:
        return cluster.create(path, manifest)
    except ClusterError as error:
        if error.status != CONFLICT or last:
            raise
        return None


def _stays(cluster: Cluster, found: Object, waited: float) -> UserError:
    """Name the pods that keep a deleted job from going: those of a lost node never end by themselves."""
    kind = PYTORCH_JOB if found["kind"] == PYTORCH_JOB.kind else TRAIN_JOB
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    pods = cluster.list(POD.path(namespace), {"labelSelector": pod_selector(kind, name)}).get("items") or []
    places = [f"{pod['metadata']['name']} on {pod['spec'].get('nodeName', 'no node')}" for pod in pods]
    fix = (
        f"its pods do not end: {', '.join(places)}; if their node is lost, delete the node, or the pods by "
        "kubectl delete pod --force"
        if places
        else "it has no pods any more; look at its finalizers"
    )
    return UserError(f"{kind.kind} {namespace}/{name}: deleted, but still there after {waited:.0f} s; {fix}")


def delete_own(cluster: Cluster, path: str, manifest: Object, patience_seconds: float | None = None) -> bool:
    """Delete the job that a manifest describes, if it is there and the same; say whether one was there.

    Raises:
        UserError: The cluster refuses, or does not answer.
    """
    metadata = manifest["metadata"]
    place = f"{path}/{metadata['name']}"
    found = cluster.find(place, patience_seconds)
    if found is None:
        return False
    digest = metadata["annotations"].get(names.DIGEST_ANNOTATION)
    if (found["metadata"].get("annotations") or {}).get(names.DIGEST_ANNOTATION) == digest:
        cluster.delete(place, found["metadata"]["uid"], patience_seconds)
    return True


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


def _check_same(found: Object, digest: str, path: str) -> None:
    there = found["metadata"]
    theirs = (there.get("annotations") or {}).get(names.DIGEST_ANNOTATION)
    if theirs != digest:
        raise UserError(
            f"{path}/{there['name']}: a job of this name is there and does something else (its "
            f"{names.DIGEST_ANNOTATION} is {theirs or 'missing'}, expected {digest}); was the image or a "
            "setting changed between two tries? delete it and run the step again"
        )
