"""Names, labels and digests of what the launcher makes: the same task always has the same name."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from kubepresso import __version__

#: Controllers append to the name: ``-worker-12``, ``-node-0-12-`` and five characters; all of it must fit
#: into the 63 of a host name.
NAME_LIMIT = 40
_PREFIX = "kubepresso"
_HASH = 10

PREFIX = "kubepresso.io"
RUN_LABEL = f"{PREFIX}/run-id"
INSTANCE_LABEL = "app.kubernetes.io/instance"
TASK_ANNOTATION = f"{PREFIX}/task"
DIGEST_ANNOTATION = f"{PREFIX}/spec-digest"
ATTEMPT_ANNOTATION = f"{PREFIX}/attempt"
STARTED_ANNOTATION = f"{PREFIX}/started-at"
INTERRUPTED_ANNOTATION = f"{PREFIX}/interrupted-at"
FAILED_ANNOTATION = f"{PREFIX}/failed-at"
DELETE_AFTER_ANNOTATION = f"{PREFIX}/delete-after"


def job_name(run_id: str, task: str) -> str:
    """Return the name of a task's training job in a run: RFC 1035, 40 characters at most, always the same.

    Args:
        run_id: The pipeline run's.
        task: What tells the task from others of the run.
    """
    digest = hashlib.sha256(f"{run_id}\0{task}".encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    words = slug(task.rsplit(".executor", 1)[0].rsplit(".", 1)[-1])
    room = NAME_LIMIT - len(_PREFIX) - _HASH - 2
    middle = words[:room].strip("-")
    return "-".join(part for part in (_PREFIX, middle, digest) if part)


def attempt_name(name: str, number: int) -> str:
    """Return the name of a job's attempt: that of the job for the first, else with its number."""
    return f"{name}-{number}" if number else name


def slug(text: str) -> str:
    """Return the letters and digits of a text in lower case, with single hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def label_value(text: str) -> str:
    """Return a text as the value of a label: 63 characters at most, what is not allowed as hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:63].strip("-_.")


def labels(name: str, run_id: str) -> dict[str, str]:
    """Return the labels of all that belongs to one training."""
    return {
        "app.kubernetes.io/name": "kubepresso",
        "app.kubernetes.io/component": "training",
        INSTANCE_LABEL: name,
        "app.kubernetes.io/version": label_value(__version__),
        "app.kubernetes.io/managed-by": "kubepresso-launcher",
        RUN_LABEL: label_value(run_id),
        # A service mesh's proxy would never let a pod end, nor processes meet on ports it does not know.
        "sidecar.istio.io/inject": "false",
    }


def spec_digest(manifest: dict[str, Any]) -> str:
    """Return the digest of what a job does: of all but who started it and how often."""
    content = {"kind": manifest["kind"], "spec": manifest["spec"], "labels": manifest["metadata"]["labels"]}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
