"""A training as an object of the cluster: a TrainJob in each of its generations, or a PyTorchJob."""

from __future__ import annotations

from typing import Any

from kubepresso.errors import UserError
from kubepresso.launch.cluster import names
from kubepresso.launch.cluster.api import Kind, Object
from kubepresso.launch.cluster.served import CLUSTER_RUNTIME, PYTORCH_JOB, TRAIN_JOB, Served
from kubepresso.launch.cluster.spec import JobSpec

#: Kubeflow Trainer's convention: the runtime's job that trains, and its container.
TRAINER_JOB = TRAINER_CONTAINER = "node"
#: The name by which the training operator knows the container.
PYTORCH_CONTAINER = "pytorch"
_COMMAND = ["python", "-m", "kubepresso.launch.pod"]
_QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_QUEUE_PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
_SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}
_POD_SECURITY = {"runAsNonRoot": True, **_SECCOMP}
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
}
#: A job is found finished by a launcher that was away for so long.
_SHORTEST_STAY_SECONDS = 600
#: Where a TrainJob's patches hold a pod's template.
_PATCH_PATH = "runtimePatches.trainingRuntimeSpec.template.spec.replicatedJobs.template.spec.template"


def build_manifest(spec: JobSpec, served: Served, runtime: Kind = CLUSTER_RUNTIME) -> Object:
    """Build the object for the API that the cluster serves.

    Args:
        spec: The training.
        served: What the cluster serves.
        runtime: The kind of the TrainJob's runtime.

    Raises:
        UserError: The API has no place for a setting.
    """
    kind = served.kind
    body = _train_job(spec, served, runtime) if kind == TRAIN_JOB else _pytorch_job(spec)
    labels = dict(spec.labels)
    if spec.settings.queue:
        labels[_QUEUE_LABEL] = spec.settings.queue
        if spec.settings.priority_class:
            labels[_QUEUE_PRIORITY_LABEL] = spec.settings.priority_class
    metadata: Object = {"name": spec.name, "labels": labels, "annotations": dict(spec.annotations)}
    if spec.owners:
        metadata["ownerReferences"] = spec.owners
    manifest = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": body}
    metadata["annotations"][names.DIGEST_ANNOTATION] = names.spec_digest(manifest)
    return manifest


def _train_job(spec: JobSpec, served: Served, runtime: Kind) -> Object:
    if spec.settings.priority_class and not spec.settings.queue:
        raise UserError(
            "environment.distributed.priority_class: a TrainJob takes it by a queue only; set queue, set it "
            "in the training runtime, or take launcher: pytorchjob"
        )
    trainer = {
        "image": spec.image,
        "command": _COMMAND,
        "args": spec.arguments,
        "env": spec.variables,
        "numNodes": spec.max_nodes,
        "numProcPerNode": spec.processes,
        "resourcesPerNode": spec.resources,
    }
    field = served.override_field
    reference = {"apiGroup": runtime.group, "kind": runtime.kind, "name": spec.settings.runtime}
    body: Object = {"runtimeRef": reference, "trainer": trainer, field: [_override(spec, served, field)]}
    if field != "runtimePatches":
        body["labels"] = dict(spec.labels)
    if spec.deadline_seconds is not None and "activeDeadlineSeconds" in served.fields:
        body["activeDeadlineSeconds"] = spec.deadline_seconds
    return body


def _override(spec: JobSpec, served: Served, field: str) -> Object:
    container: Object = {"name": TRAINER_CONTAINER, "volumeMounts": spec.mounts}
    pod = _placement(spec)
    pod["volumes"], pod["containers"] = spec.volumes, [container]
    target = [{"name": TRAINER_JOB}]
    if field == "podSpecOverrides":
        if spec.settings.pull_secrets:
            raise UserError(
                "environment.distributed.image_pull_secrets: a TrainJob of Trainer 2.0 has no place for "
                "them; name them in the training runtime or in the pods' service account"
            )
        _refuse_affinity(pod)
        return {"targetJobs": target, **pod}
    template = {"metadata": {"labels": spec.labels}, "spec": pod}
    if field == "podTemplateOverrides":
        return {"targetJobs": target, **template}
    container["securityContext"], pod["securityContext"] = _CONTAINER_SECURITY, _POD_SECURITY
    if f"{_PATCH_PATH}.spec.terminationGracePeriodSeconds" in served.fields:
        pod["terminationGracePeriodSeconds"] = spec.grace_seconds
    job = {"name": TRAINER_JOB, "template": {"spec": {"template": template}}}
    runtime = {"template": {"spec": {"replicatedJobs": [job]}}}
    return {"manager": f"{names.PREFIX}/launcher", "trainingRuntimeSpec": runtime}


def _refuse_affinity(pod: Object) -> None:
    if "affinity" in pod:
        raise UserError(
            "the task's affinity: a TrainJob of Trainer 2.0 has no place for it; use a node selector"
        )


def _placement(spec: JobSpec) -> Object:
    """Return where a pod may run and as whom; what is not set is left to the runtime or namespace."""
    fields: dict[str, Any] = {
        "nodeSelector": spec.node_selector,
        "tolerations": spec.tolerations,
        "affinity": spec.affinity,
        "serviceAccountName": spec.settings.service_account,
        "imagePullSecrets": [{"name": name} for name in spec.settings.pull_secrets],
    }
    return {name: value for name, value in fields.items() if value}


def _pytorch_job(spec: JobSpec) -> Object:
    policy: Object = {
        "cleanPodPolicy": "Running",
        "ttlSecondsAfterFinished": max(spec.keep_failed_seconds, _SHORTEST_STAY_SECONDS),
        "backoffLimit": spec.max_restarts if spec.elastic else 0,
    }
    if spec.deadline_seconds is not None:
        policy["activeDeadlineSeconds"] = spec.deadline_seconds
    body: Object = {"nprocPerNode": str(spec.processes), "runPolicy": policy}
    if spec.elastic:
        body["elasticPolicy"] = {
            "rdzvBackend": "c10d",
            "minReplicas": spec.nodes,
            "maxReplicas": spec.max_nodes,
            "maxRestarts": spec.max_restarts,
        }
        # Restarts a pod that was told to go on later or was killed, and no other.
        body["pytorchReplicaSpecs"] = {"Worker": _replicas(spec, spec.max_nodes, "ExitCode")}
        return body
    body["pytorchReplicaSpecs"] = {"Master": _replicas(spec, 1, "Never")}
    if spec.nodes > 1:
        body["pytorchReplicaSpecs"]["Worker"] = _replicas(spec, spec.nodes - 1, "Never")
    return body


def _replicas(spec: JobSpec, count: int, restart_policy: str) -> Object:
    # Not the pod: the operator's own init container waits for the master, as root.
    security = {**_CONTAINER_SECURITY, "runAsNonRoot": True}
    container = {
        "name": PYTORCH_CONTAINER,
        "image": spec.image,
        "command": _COMMAND,
        "args": spec.arguments,
        "env": spec.variables,
        "resources": spec.resources,
        "volumeMounts": spec.mounts,
        "securityContext": security,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    pod = _placement(spec) | {
        "containers": [container],
        "volumes": spec.volumes,
        "securityContext": _SECCOMP,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": spec.grace_seconds,
    }
    if spec.settings.priority_class and not spec.settings.queue:
        pod["priorityClassName"] = spec.settings.priority_class
    template = {"metadata": {"labels": spec.labels}, "spec": pod}
    return {"replicas": count, "restartPolicy": restart_policy, "template": template}


def pod_selector(kind: Kind, name: str) -> str:
    """Return the label selector of a job's pods."""
    if kind == PYTORCH_JOB:
        return f"training.kubeflow.org/job-name={name}"
    return f"jobset.sigs.k8s.io/jobset-name={name}"
