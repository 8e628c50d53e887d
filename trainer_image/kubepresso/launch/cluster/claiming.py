"""One job for one task: made, found again, replaced after a failure that was told, swept away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from kubepresso.errors import UserError
from kubepresso.launch.cluster import names
from kubepresso.launch.cluster.api import CONFLICT, Cluster, ClusterError, Object

_LOOK_SECONDS = 0.3


def claim(cluster: Cluster, path: str, manifest: Object, say: Callable[[str], None]) -> Object:
    """Return the task's one job: the one that is there, else a new one.

    A job whose failure an earlier start of the launcher has told is replaced; training goes on from its
    checkpoints.

    Args:
        cluster: Where it is.
        path: Of the collection.
        manifest: As it is to be.
        say: Is called with what was done.

    Raises:
        UserError: A job of this name does something else, or the cluster refuses.
    """
    metadata = manifest["metadata"]
    name, annotations = metadata["name"], metadata["annotations"]
    annotations.setdefault(names.ATTEMPT_ANNOTATION, "0")
    annotations.setdefault(names.STARTED_ANNOTATION, f"{time.time():.0f}")
    limit = time.monotonic() + cluster.patience_seconds
    while time.monotonic() < limit:
        found = cluster.find(f"{path}/{name}")
        if found is None:
            try:
                made = cluster.create(path, manifest)
            except ClusterError as error:
                if error.status != CONFLICT:
                    raise
                continue  # our own call, heard twice, or another launcher of this task
            say(f"{name}: {made['kind']} created in {made['metadata']['namespace']}")
            return made
        there = found["metadata"]
        if "deletionTimestamp" in there:
            time.sleep(_LOOK_SECONDS)
        elif names.FAILED_ANNOTATION in (there.get("annotations") or {}):
            say(f"{name}: the job of the last try failed and is replaced")
            cluster.delete(f"{path}/{name}", there["uid"])
        else:
            _check_same(found, annotations[names.DIGEST_ANNOTATION], path)
            say(f"{name}: {found['kind']} found in {there['namespace']}, followed from its beginning")
            return found
    raise UserError(f"{path}/{name}: is being deleted and does not go; look at its finalizers")


def delete_own(cluster: Cluster, path: str, manifest: Object, patience_seconds: float | None = None) -> None:
    """Delete the job that a manifest describes, if it is there and the same.

    Raises:
        UserError: The cluster refuses, or does not answer.
    """
    metadata = manifest["metadata"]
    place = f"{path}/{metadata['name']}"
    found = cluster.find(place, patience_seconds)
    if found is None:
        return
    digest = metadata["annotations"].get(names.DIGEST_ANNOTATION)
    if (found["metadata"].get("annotations") or {}).get(names.DIGEST_ANNOTATION) == digest:
        cluster.delete(place, found["metadata"]["uid"], patience_seconds)


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
