"""One training as pods: what every kind of job is built from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubepresso.config import EnvironmentConfig, View, parse_view
from kubepresso.config.cluster import seconds
from kubepresso.config.environment import Distributed
from kubepresso.errors import UserError
from kubepresso.launch.cluster import names
from kubepresso.launch.cluster.api import Object
from kubepresso.launch.cluster.secrets import refuse_secrets
from kubepresso.launch.cluster.surroundings import Surroundings, as_here
from kubepresso.launch.cluster.volumes import build_volumes
from kubepresso.launch.launcher import TrainingJob
from kubepresso.launch.places import reachable
from kubepresso.launch.pod_contract import CONFIG_VARIABLE, JOB_VARIABLE, SCRATCH

GPU = "nvidia.com/gpu"
#: The API server takes some 1.5 MB an object; a process takes 128 KiB a variable.
_CONFIG_LIMIT = 100 << 10
#: So that a launcher that died does not leave a job for ever, and one that lives says it first.
_DEADLINE_SLACK_SECONDS = 300
_END_SECONDS = 60


@dataclass(frozen=True)
class JobSpec:
    """What pods run, with what, and where.

    Attributes:
        name: Of the job.
        labels: Of the job and its pods.
        annotations: Of the job.
        owners: ``ownerReferences`` of the job.
        image: Of the pods.
        arguments: After ``python -m kubepresso.launch.pod``.
        variables: Environment, as Kubernetes writes it.
        resources: ``limits`` and ``requests`` of a pod.
        volumes: Of the pods.
        mounts: Where they lie.
        node_selector: Labels of nodes.
        tolerations: As Kubernetes writes them.
        affinity: As Kubernetes writes it; None for none.
        nodes: Fewest pods.
        max_nodes: Most pods; the same as ``nodes`` where the number is fixed.
        processes: Training processes of a pod.
        max_restarts: How often ranks are started again while the number of nodes may change.
        deadline_seconds: After which the cluster ends the job; None for never.
        keep_failed_seconds: How long a failed job is kept.
        grace_seconds: From the request to end until a pod is killed.
        settings: ``environment.distributed``'s plain names.
    """

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    owners: list[Object]
    image: str
    arguments: list[str]
    variables: list[Object]
    resources: dict[str, dict[str, str]]
    volumes: list[Object]
    mounts: list[Object]
    node_selector: dict[str, str]
    tolerations: list[Object]
    affinity: Object | None
    nodes: int
    max_nodes: int
    processes: int
    max_restarts: int
    deadline_seconds: int | None
    keep_failed_seconds: int
    grace_seconds: int
    settings: Names = field(repr=False)

    @property
    def elastic(self) -> bool:
        """Whether nodes may come and go."""
        return self.max_nodes > self.nodes


@dataclass(frozen=True)
class Names:
    """What the job refers to by name; None for none."""

    runtime: str
    queue: str | None
    priority_class: str | None
    service_account: str | None
    pull_secrets: tuple[str, ...]


def build_spec(job: TrainingJob, around: Surroundings) -> JobSpec:
    """Turn a training into pods.

    Args:
        job: The training.
        around: Where the launcher runs.

    Raises:
        UserError: Something that pods need is not where they can reach it, or settings do not fit together.
    """
    view, distributed = parse_view(job.config), job.environment.distributed
    given = dict(job.task_config or {})
    gpus = _gpus(job.environment, given)
    processes = _processes(distributed, gpus)
    name = names.job_name(around.run_id, around.task)
    most = distributed.max_nodes or distributed.nodes
    volumes, mounts = build_volumes(view, processes, given)
    return JobSpec(
        name=name,
        labels=names.labels(name, around.run_id),
        annotations={names.TASK_ANNOTATION: around.task},
        owners=around.owners,
        image=around.image,
        arguments=_arguments(job, around, distributed.nodes, most, processes),
        variables=_variables(job, around, given),
        resources=_resources(distributed, gpus, given),
        volumes=volumes,
        mounts=mounts,
        node_selector={**(given.get("node_selector") or {}), **distributed.node_selector},
        tolerations=_tolerations(distributed, given),
        affinity=given.get("affinity") or None,
        nodes=distributed.nodes,
        max_nodes=most,
        processes=processes,
        max_restarts=distributed.max_restarts,
        deadline_seconds=_deadline_seconds(distributed),
        keep_failed_seconds=distributed.keep_failed_seconds,
        grace_seconds=_grace_seconds(view),
        settings=_names(distributed),
    )


def _processes(distributed: Distributed, gpus: int) -> int:
    processes = distributed.processes_per_node or max(1, gpus)
    if gpus and processes > gpus:
        raise UserError(
            f"environment.distributed.processes_per_node: {processes} processes need a GPU each, but a node "
            f"has {gpus}; set gpus_per_node: {processes}, or 0 to train on CPUs"
        )
    return processes


def _tolerations(distributed: Distributed, given: Mapping[str, Any]) -> list[Object]:
    own = [toleration.as_kubernetes() for toleration in distributed.tolerations]
    return [*(given.get("tolerations") or []), *own]


def _deadline_seconds(distributed: Distributed) -> int | None:
    return seconds(distributed.timeout) + _DEADLINE_SLACK_SECONDS if distributed.timeout else None


def _names(distributed: Distributed) -> Names:
    return Names(
        runtime=distributed.runtime,
        queue=distributed.queue,
        priority_class=distributed.priority_class,
        service_account=distributed.service_account,
        pull_secrets=distributed.image_pull_secrets,
    )


def _grace_seconds(view: View) -> int:
    """Return the engine's grace period, and time to end and write a finished model."""
    training = view.training
    return _END_SECONDS + math.ceil(training.checkpoints.grace_seconds if training else 0)


def _gpus(environment: EnvironmentConfig, given: Mapping[str, Any]) -> int:
    """Return the GPUs of a node: as the YAML says, else as the pipeline's task, else by ``gpus``.

    A task always asks for a number, so 0 of them asks for nothing.
    """
    limits = (given.get("resources") or {}).get("limits") or {}
    asked = int(limits.get(GPU, 0))
    if environment.distributed.gpus_per_node is None and asked:
        return asked
    return environment.gpus_per_node


def _resources(distributed: Distributed, gpus: int, given: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    resources = given.get("resources") or {}
    limits = {str(name): str(value) for name, value in (resources.get("limits") or {}).items()}
    requests = {str(name): str(value) for name, value in (resources.get("requests") or {}).items()}
    for name, value in (("cpu", distributed.cpu), ("memory", distributed.memory), (GPU, gpus or None)):
        if value is not None:
            limits[name] = requests[name] = str(value)
    if not gpus:
        limits.pop(GPU, None)
        requests.pop(GPU, None)
    return {key: value for key, value in (("limits", limits), ("requests", requests)) if value}


def _arguments(job: TrainingJob, around: Surroundings, nodes: int, most: int, processes: int) -> list[str]:
    output = reachable(job.output_uri, "the model to write")
    claim = job.environment.distributed.data_claim
    if claim:
        dataset = f"{claim.path.rstrip('/')}/{(claim.dataset or '').strip('/')}".rstrip("/")
    else:
        dataset = reachable(job.dataset_uri, "the prepared data set")
    arguments = [
        f"--nodes={nodes}" if most == nodes else f"--nodes={nodes}:{most}",
        f"--processes={processes}",
        f"--max-restarts={job.environment.distributed.max_restarts}",
        f"--dataset={dataset}",
        f"--output={output}",
    ]
    if not _has_checkpoints(job, around):
        arguments.append(f"--checkpoints={output}.checkpoints")
    if job.start is not None:
        arguments.append(f"--start-from={reachable(job.start_uri, 'the model to start from')}")
    # Kubernetes would read $(NAME) as a variable.
    return [argument.replace("$", "$$") for argument in arguments]


def _has_checkpoints(job: TrainingJob, around: Surroundings) -> bool:
    """Say whether YAML or environment name a place; else checkpoints lie beside the bundle."""
    training = parse_view(job.config).training
    named = any(entry["name"] == "KUBEPRESSO_CHECKPOINTS" for entry in around.variables)
    return named or bool(training and training.checkpoints.place)


def _variables(job: TrainingJob, around: Surroundings, given: Mapping[str, Any]) -> list[Object]:
    if len(job.config.encode()) > _CONFIG_LIMIT:
        raise UserError(
            f"the configuration has {len(job.config.encode()) >> 10} KiB, pods take {_CONFIG_LIMIT >> 10}; "
            "move long lists, such as class names, to a file"
        )
    own = {
        CONFIG_VARIABLE: job.config,
        "KUBEPRESSO_STEP_ID": job.step_id,
        JOB_VARIABLE: names.job_name(around.run_id, around.task),
        "HOME": str(SCRATCH),
        "PYTHONUNBUFFERED": "1",
    }
    entries: dict[str, Object] = {entry["name"]: entry for entry in around.variables}
    entries |= {entry["name"]: as_here(entry) for entry in given.get("env") or []}
    refuse_secrets(entries.values())
    entries |= {name: {"name": name, "value": value.replace("$", "$$")} for name, value in own.items()}
    return list(entries.values())
