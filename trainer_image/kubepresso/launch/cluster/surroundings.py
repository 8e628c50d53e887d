"""What the launcher's own pod says: its run and task, its image, and what its job may inherit."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubepresso import __version__
from kubepresso.launch.cluster.api import FORBIDDEN, POD, Cluster, ClusterError, Object

#: Overrides what the pod says: the pipeline run, the task in it, the image.
RUN_ID_VARIABLES = ("KUBEPRESSO_RUN_ID", "KFP_RUN_ID")
TASK_VARIABLE = "KUBEPRESSO_TASK"
IMAGE_VARIABLE = "KUBEPRESSO_IMAGE"
#: Names of Secrets that hold the variables below.
SECRET_VARIABLES = {
    "KUBEPRESSO_S3_SECRET": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "KUBEPRESSO_MLFLOW_SECRET": (
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
    ),
}
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_RUN_LABEL = "pipeline/runid"
_NODE_ANNOTATION = "workflows.argoproj.io/node-name"
#: Argo adds it to the name of a step that is tried again.
_TRY = re.compile(r"\(\d+\)$")
#: Not secret, and the same for all pods of a run.
_INHERITED = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_HTTP_REQUEST_TIMEOUT",
    "KUBEPRESSO_RUN_ID",
    "KFP_RUN_ID",
    "KUBEPRESSO_CHECKPOINTS",
    "NCCL_DEBUG",
    "NCCL_SOCKET_IFNAME",
    "GLOO_SOCKET_IFNAME",
)


@dataclass(frozen=True)
class Surroundings:
    """Where the launcher runs.

    Attributes:
        run_id: The pipeline run's.
        task: The task in it.
        image: For the training pods: the launcher's own.
        owners: ``ownerReferences`` for what the launcher makes, so that it does not outlive them.
        variables: Environment of the training pods, as Kubernetes writes it; secrets by reference only.
        lost: Whether it runs in a pod that it cannot read.
    """

    run_id: str
    task: str
    image: str
    owners: list[Object] = field(default_factory=list)
    variables: list[Object] = field(default_factory=list)
    lost: bool = False


def look_around(
    cluster: Cluster, title: str, fallback_run_id: str, environment: Mapping[str, str] = os.environ
) -> Surroundings:
    """Read the launcher's own pod; outside a cluster, the environment alone.

    Args:
        cluster: The cluster.
        title: The task's name where nothing else says one.
        fallback_run_id: The run's id where nothing else says one.
        environment: The process's variables.

    Raises:
        UserError: The cluster does not answer.
    """
    pod = _own_pod(cluster, environment)
    metadata = pod.get("metadata", {})
    told = next((environment[name] for name in RUN_ID_VARIABLES if environment.get(name)), None)
    node = _TRY.sub("", metadata.get("annotations", {}).get(_NODE_ANNOTATION, ""))
    container = _own_container(pod)
    image = environment.get(IMAGE_VARIABLE) or container.get("image")
    return Surroundings(
        run_id=told or metadata.get("labels", {}).get(_RUN_LABEL) or fallback_run_id,
        task=environment.get(TASK_VARIABLE) or node or title,
        image=image or f"docker.io/kubepresso/kubepresso:{__version__}",
        owners=_owners(pod),
        variables=_variables(container, environment),
        lost=_IN_CLUSTER in environment and not pod,
    )


def as_here(variable: Object, environment: Mapping[str, str] = os.environ) -> Object:
    """Return a variable of the step as training pods are to have it.

    One that stands for a label or annotation of its pod, such as the id of the run, gets the value that it
    has here: training pods have others.
    """
    field = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath", "")
    if not field.startswith(("metadata.labels", "metadata.annotations")):
        return variable
    return {"name": variable["name"], "value": environment.get(variable["name"], "")}


def _own_pod(cluster: Cluster, environment: Mapping[str, str]) -> Object:
    if _IN_CLUSTER not in environment:
        return {}
    name = environment.get("KFP_POD_NAME") or socket.gethostname()
    try:
        return cluster.find(POD.path(cluster.namespace, name)) or {}
    except ClusterError as error:
        if error.status == FORBIDDEN:
            return {}
        raise


def _own_container(pod: Object) -> Object:
    containers: list[Object] = pod.get("spec", {}).get("containers", [])
    main = [container for container in containers if container["name"] == "main"]
    return next(iter([*main, *containers]), {})


def _owners(pod: Object) -> list[Object]:
    """Return the workflow that owns the pod, since a pod may be evicted and started again; else the pod."""
    if not pod:
        return []
    metadata = pod["metadata"]
    above: list[Object] = metadata.get("ownerReferences", [])
    own = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    owners = [owner for owner in above if owner["kind"] == "Workflow"] or [own]
    kept = ("apiVersion", "kind", "name", "uid")
    return [{key: owner[key] for key in kept} for owner in owners]


def _variables(container: Object, environment: Mapping[str, str]) -> list[Object]:
    """Collect what training pods need of the environment. A value that came from a Secret goes on as such."""
    found: dict[str, Object] = {}
    for name in _INHERITED:
        if environment.get(name):
            found[name] = {"name": name, "value": environment[name]}
    for variable, names in SECRET_VARIABLES.items():
        if secret := environment.get(variable):
            for name in names:
                reference = {"name": secret, "key": name, "optional": True}
                found[name] = {"name": name, "valueFrom": {"secretKeyRef": reference}}
    for entry in container.get("env", []):
        source = entry.get("valueFrom", {})
        # A key that may be absent, and is, sets no variable.
        if environment.get(entry["name"]) and ("secretKeyRef" in source or "configMapKeyRef" in source):
            found[entry["name"]] = {"name": entry["name"], "valueFrom": source}
    return [found[name] for name in sorted(found)]
