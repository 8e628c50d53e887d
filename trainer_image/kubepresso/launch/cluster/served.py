"""Which kind of training job a cluster serves, and in which generation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubepresso.errors import UserError
from kubepresso.launch.cluster.api import FORBIDDEN, Cluster, ClusterError, Kind, Object

_TRAINER = ("trainer.kubeflow.org", "v1alpha1")
TRAIN_JOB = Kind(*_TRAINER, "trainjobs", "TrainJob")
PYTORCH_JOB = Kind("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob")
NAMESPACE_RUNTIME = Kind(*_TRAINER, "trainingruntimes", "TrainingRuntime")
CLUSTER_RUNTIME = Kind(*_TRAINER, "clustertrainingruntimes", "ClusterTrainingRuntime")
_BY_NAME = {"trainjob": TRAIN_JOB, "pytorchjob": PYTORCH_JOB}
#: The field by which a TrainJob changes its runtime's pods, newest first.
_OVERRIDES = ("runtimePatches", "podTemplateOverrides", "podSpecOverrides")


@dataclass(frozen=True)
class Served:
    """A kind that the cluster serves.

    Attributes:
        kind: The kind.
        fields: All paths of ``spec`` that its schema knows, with dots, lists left out.
    """

    kind: Kind
    fields: frozenset[str]

    @property
    def override_field(self) -> str:
        """The field by which a TrainJob changes pods.

        Raises:
            UserError: The schema has none that is known here.
        """
        for name in _OVERRIDES:
            if name in self.fields:
                return name
        raise UserError(
            f"the cluster's TrainJob has none of {', '.join(_OVERRIDES)}; install Kubeflow Trainer 2.0 to 2.3"
        )


def choose_kind(cluster: Cluster, wanted: str | None) -> Served | None:
    """Find what the cluster serves.

    Args:
        cluster: The cluster.
        wanted: ``trainjob`` or ``pytorchjob``; None: the first of both that is served.

    Returns:
        The kind; None where nothing was asked for and nothing is served.

    Raises:
        UserError: What is asked for is not served.
    """
    for name, kind in _BY_NAME.items():
        if wanted in (None, name) and _serves(cluster, kind):
            return Served(kind, _fields(cluster, kind))
    if wanted is None:
        return None
    kind = _BY_NAME[wanted]
    other = next((name for name, k in _BY_NAME.items() if name != wanted and _serves(cluster, k)), None)
    fix = f"set launcher: {other}, which it serves" if other else "install Kubeflow Trainer, or set local"
    raise UserError(
        f"environment.distributed.launcher: {wanted}, but the cluster {cluster.address} does not serve "
        f"{kind.plural}.{kind.group}/{kind.version}; {fix}"
    )


def find_runtime(cluster: Cluster, namespace: str, name: str) -> Kind:
    """Return the kind of a TrainJob's runtime: the namespace's own comes first.

    Where nobody lets us look at those of the cluster, the server says whether it is there when the job is
    made: for that a right in the whole cluster would be much.

    Raises:
        UserError: There is none of this name.
    """
    if cluster.find(NAMESPACE_RUNTIME.path(namespace, name)):
        return NAMESPACE_RUNTIME
    try:
        if cluster.find(CLUSTER_RUNTIME.path(None, name)):
            return CLUSTER_RUNTIME
    except ClusterError as error:
        if error.status != FORBIDDEN:
            raise
        return CLUSTER_RUNTIME
    raise UserError(
        f"environment.distributed.runtime: the cluster has no TrainingRuntime {name!r} in the namespace "
        f"{namespace} and no ClusterTrainingRuntime of this name; install the project's own "
        "(docs/launching.md)"
    )


def _serves(cluster: Cluster, kind: Kind) -> bool:
    found = cluster.find(f"/apis/{kind.api_version}") or {}
    return any(resource["name"] == kind.plural for resource in found.get("resources", []))


def _fields(cluster: Cluster, kind: Kind) -> frozenset[str]:
    """Read the kind's schema where everyone who may call the API may read it."""
    document = cluster.find(f"/openapi/v3/apis/{kind.api_version}") or {}
    schemas: dict[str, Object] = document.get("components", {}).get("schemas", {})
    for schema in schemas.values():
        names = [entry["kind"] for entry in schema.get("x-kubernetes-group-version-kind", [])]
        if kind.kind in names:
            return frozenset(_paths(schema["properties"]["spec"], ""))
    raise UserError(f"the cluster {cluster.address} does not publish the schema of {kind.kind}")


def _paths(schema: dict[str, Any], prefix: str) -> Iterator[str]:
    schema = schema.get("items", schema)
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        yield path
        yield from _paths(inner, path)
