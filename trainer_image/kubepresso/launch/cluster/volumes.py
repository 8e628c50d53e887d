"""The volumes of training pods: shared memory, scratch space, data, and what the pipeline's task has."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from kubepresso.config import View
from kubepresso.launch.cluster.api import Object
from kubepresso.launch.cluster.memory import as_quantity, shared_memory_bytes
from kubepresso.launch.pod_contract import SCRATCH

_PREFIX = "kubepresso"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the pod's own


def build_volumes(view: View, processes: int, given: Mapping[str, Any]) -> tuple[list[Object], list[Object]]:
    """Return a pod's volumes and where they are mounted.

    The YAML's ``data_claim`` comes before what the task mounts there; a task's own ``/dev/shm`` is taken
    unless the YAML sets ``shared_memory``.

    Args:
        view: With ``environment``.
        processes: Training processes of the pod.
        given: The fields of ``kfp.dsl.TaskConfig``.
    """
    distributed = view.need("environment").distributed
    theirs: dict[str, Object] = {volume["name"]: volume for volume in given.get("volumes") or []}
    memory, scratch, data = (_free(name, theirs) for name in ("shared-memory", "scratch", "data"))
    size = distributed.shared_memory or as_quantity(shared_memory_bytes(view, processes))
    volumes: list[Object] = [
        {"name": memory, "emptyDir": {"medium": "Memory", "sizeLimit": size}},
        {"name": scratch, "emptyDir": {}},
    ]
    mounts: list[Object] = [
        {"name": memory, "mountPath": _SHARED_MEMORY},
        {"name": scratch, "mountPath": str(SCRATCH)},
    ]
    if claim := distributed.data_claim:
        source = {"claimName": claim.name, "readOnly": True}
        volumes.append({"name": data, "persistentVolumeClaim": source})
        mounts.append({"name": data, "mountPath": claim.path, "readOnly": True})
    others: list[Object] = list(given.get("volume_mounts") or [])
    if not distributed.shared_memory and any(other["mountPath"] == _SHARED_MEMORY for other in others):
        del volumes[0], mounts[0]
    taken = {mount["mountPath"] for mount in mounts}
    return (
        [*volumes, *theirs.values()],  # KFP says a volume as often as it is mounted
        [*mounts, *(other for other in others if other["mountPath"] not in taken)],
    )


def _free(name: str, taken: Container[str]) -> str:
    """Return the name of a volume of ours: KFP names a task's volumes by their claims and Secrets."""
    name = f"{_PREFIX}-{name}"
    while name in taken:
        name = f"{name}-own"
    return name
