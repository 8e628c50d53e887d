"""The module ``environment``: seed, loader, devices and processes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, Tag

from kubepresso.config.base import AnyCase, Listed, NaturalInt, PositiveInt, Section, by_kind, null_means
from kubepresso.config.cluster import (
    Cpu,
    DataClaim,
    Duration,
    Labels,
    LabelValue,
    Memory,
    NamespaceName,
    ObjectName,
    Toleration,
)

GpuIds = Annotated[
    Annotated[NaturalInt, Tag("index")]
    | Annotated[str, StringConstraints(pattern=r"^\s*[0-9]{1,9}(\s*,\s*[0-9]{1,9})*\s*$"), Tag("indices")],
    by_kind('must be an index or a list in quotes, for example 0 or "0, 1"', index=(int,), indices=(str,)),
]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Distributed(Section):
    """How many training processes run, and where."""

    launcher: Annotated[Literal["auto", "local", "trainjob", "pytorchjob"], AnyCase] = Field(
        "auto",
        description="`local`: torchrun on this machine; `trainjob`, `pytorchjob`: pods of a cluster; `auto`: "
        "in a cluster the one of both that it serves, else `local`.",
    )
    nodes: PositiveInt = Field(1, description="Machines; with `max_nodes` the fewest to train on.")
    max_nodes: PositiveInt | None = Field(
        None, description="The most machines to train on, as they come and go; null: always `nodes`."
    )
    gpus_per_node: NaturalInt | None = Field(
        None, description="GPUs of each machine; 0: none; null: as many as `environment.gpus` names."
    )
    processes_per_node: PositiveInt | None = Field(
        None, description="Processes on each machine; null: one a GPU, else one."
    )
    cpu: Cpu | None = Field(None, description='Cores of each pod, such as 8 or `"500m"`; null: no limit.')
    memory: Memory | None = Field(None, description="Memory of each pod, such as `64Gi`; null: no limit.")
    shared_memory: Memory | None = Field(
        None, description="Size of `/dev/shm`; null: from workers, batch and image size."
    )
    node_selector: Labels = Field({}, description="Labels of the nodes that pods may run on.")
    tolerations: Annotated[tuple[Toleration, ...], Listed] = Field((), description="Taints pods accept.")
    priority_class: ObjectName | None = Field(
        None, description="PriorityClass of the pods; with `queue` a WorkloadPriorityClass of Kueue."
    )
    queue: LabelValue | None = Field(None, description="LocalQueue of Kueue; null: none.")
    max_restarts: NaturalInt = Field(
        3,
        description="How often an interrupted training (preempted, evicted, node lost, process killed) "
        "goes on again.",
    )
    timeout_seconds: PositiveInt = Field(
        1800, description="Seconds after which a collective operation without an answer fails."
    )
    timeout: Duration | None = Field(
        None, description='Longest time from the start to the end, waiting included, such as `"12h"`.'
    )
    keep_failed_seconds: NaturalInt = Field(
        3600, description="How long the job and pods of a failed training are kept."
    )
    runtime: ObjectName = Field("kubepresso", description="TrainingRuntime or ClusterTrainingRuntime.")
    service_account: ObjectName | None = Field(
        None, description="ServiceAccount of the pods; null: the one of runtime or namespace."
    )
    image_pull_secrets: Annotated[tuple[ObjectName, ...], Listed] = Field(
        (), description="Secrets for pulling the image."
    )
    namespace: NamespaceName | None = Field(None, description="Namespace of the pods; null: the launcher's.")
    data_claim: DataClaim | None = Field(
        None, description="Volume with the prepared data set; null: it is fetched once a node."
    )


class EnvironmentConfig(Section):
    """Seed, loader, devices and processes."""

    seed: Annotated[Seed, null_means(1, Seed)] = Field(1, description="Seed of all randomness; null: 1.")
    num_workers: NaturalInt = Field(4, description="Loader processes for each training process; 0: none.")
    gpus: GpuIds = Field(0, description='Index of the GPU, or indices as text: `"0, 1"`.')
    batch_size: PositiveInt = Field(8, description="Images of a batch in each training process.")
    cache_data: bool = Field(
        False, description="Accepted for compatibility; prepared images are memory-mapped."
    )
    distributed: Distributed = Field(Distributed(), description="Number and place of the processes.")

    @property
    def gpu_ids(self) -> tuple[int, ...]:
        """The indices of ``gpus``."""
        return tuple(int(part) for part in str(self.gpus).split(","))

    @property
    def gpus_per_node(self) -> int:
        """GPUs of each machine: ``distributed.gpus_per_node``, else as many as ``gpus`` names."""
        given = self.distributed.gpus_per_node
        return len(self.gpu_ids) if given is None else given

    @property
    def processes_per_node(self) -> int:
        """Processes of each machine of a cluster: as told, else one a GPU, else one."""
        return self.distributed.processes_per_node or max(1, self.gpus_per_node)
