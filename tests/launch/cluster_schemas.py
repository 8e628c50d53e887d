"""Whether an API server would take an object: the CRDs' own schemas and rules, and what webhooks check."""

import functools
import re
from decimal import Decimal
from pathlib import Path

import jsonschema
import yaml
from cluster_rules import NOTHING, broken_rules

from kubepresso.config.cluster import amount

FILES = {
    "2.0": "trainjobs-v2.0.0.yaml",
    "2.1": "trainjobs-v2.1.0.yaml",
    "2.2": "trainjobs-v2.2.0.yaml",
    "2.3": "trainjobs-v2.3.0.yaml",
    "pytorchjob": "pytorchjobs-v1.9.0.yaml",
    "runtime": "clustertrainingruntimes-v2.3.0.yaml",
}
_RESERVED = {"PET_NNODES", "PET_NPROC_PER_NODE", "PET_NODE_RANK", "PET_MASTER_ADDR", "PET_MASTER_PORT"}
_NAME = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_LABEL = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")


class Refused(Exception):
    """What an API server answers with 403, as a quota or a webhook wants it."""


class Invalid(Refused):
    """What it answers with 422."""


@functools.lru_cache
def load_crd(path: Path) -> dict:
    return yaml.load(path.read_text(), yaml.CSafeLoader)


@functools.lru_cache
def validator(path: Path) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_strict(schema_of(path)))


def schema_of(path: Path) -> dict:
    return load_crd(path)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def _strict(schema):
    """Refuse unknown fields, as ``fieldValidation=Strict`` does."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes")}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def check(path: Path, body: dict, old: dict | None = None) -> None:
    """Raise `Invalid` with everything that is wrong with an object.

    Args:
        path: The CRD's file.
        body: The object.
        old: What it replaces.
    """
    body = {key: value for key, value in body.items() if key != "status"}  # a resource of its own
    problems = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator(path).iter_errors({**body, "metadata": {}})
    ]
    problems = problems or list(broken_rules(schema_of(path), body, NOTHING if old is None else old))
    problems += _check_metadata(body["metadata"])
    if body["kind"] == "TrainJob":
        problems += _check_train_job(body["spec"])
    elif body["kind"] == "PyTorchJob":
        problems += _check_pytorch_job(body["spec"])
    if problems:
        raise Invalid("; ".join(problems))


def _check_metadata(metadata: dict):
    # The longest that controllers make of it is the host name of pod 99 of a replicated job.
    for made in (f"{metadata['name']}-node-0-99", f"{metadata['name']}-worker-99"):
        if len(made) > 63 or not _NAME.match(made):
            yield f"metadata.name: {made!r} is no host name"
    for key, value in metadata.get("labels", {}).items():
        if not _LABEL.match(value) or not _LABEL.match(key.rpartition("/")[2]):
            yield f"metadata.labels: {key}={value!r}"
    for owner in metadata.get("ownerReferences", []):
        if {"apiVersion", "kind", "name", "uid"} - set(owner):
            yield "metadata.ownerReferences: incomplete"


def _check_train_job(spec: dict):
    trainer = spec["trainer"]
    if reserved := _RESERVED & {entry["name"] for entry in trainer["env"]}:
        yield f"spec.trainer.env: must not have reserved envs {reserved}"
    if "runtimePatches" in spec:
        (patch,) = spec["runtimePatches"]
        (job,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
        pod = job["template"]["spec"]["template"]["spec"]
    else:
        (override,) = spec.get("podTemplateOverrides") or spec["podSpecOverrides"]
        pod = override.get("spec", override)
    yield from _check_pod(pod, {**pod["containers"][0], **trainer})
    yield from _check_resources(trainer["resourcesPerNode"])


def _check_pytorch_job(spec: dict):
    replicas = spec["pytorchReplicaSpecs"]
    if set(replicas) - {"Master", "Worker"}:
        yield f"spec.pytorchReplicaSpecs: {set(replicas)}"
    if replicas.get("Master", {"replicas": 1})["replicas"] != 1:
        yield "spec.pytorchReplicaSpecs.Master: must have one replica"
    if "elasticPolicy" in spec:  # the admission webhook's rules, which the schema does not have
        if "Worker" not in replicas:
            yield "spec.pytorchReplicaSpecs.Worker: must be configured if elastic policy is used"
        if "nprocPerNode" in spec and "nProcPerNode" in spec["elasticPolicy"]:
            yield "spec.elasticPolicy.nProcPerNode: must not be used with spec.nprocPerNode"
    if "Master" in replicas and "Worker" in replicas:  # the operator's init container, an Alpine that is root
        context = replicas["Worker"]["template"]["spec"].get("securityContext", {})
        if context.get("runAsNonRoot") and not context.get("runAsUser"):
            yield "init-pytorch: container has runAsNonRoot and image will run as root"
    for replica in replicas.values():
        pod = replica["template"]["spec"]
        if [container["name"] for container in pod["containers"]] != ["pytorch"]:
            yield "there is no container named pytorch"
        yield from _check_pod(pod, pod["containers"][0])
        yield from _check_resources(pod["containers"][0]["resources"])


def _check_pod(pod: dict, container: dict):
    volumes = [volume["name"] for volume in pod["volumes"]]
    if len(set(volumes)) < len(volumes):
        yield f"volumes: twice the same name: {volumes}"
    mounts = container["volumeMounts"]
    if missing := {mount["name"] for mount in mounts} - set(volumes):
        yield f"volumeMounts: no volume {missing}"
    paths = [mount["mountPath"] for mount in mounts]
    if len(set(paths)) < len(paths):
        yield f"volumeMounts: twice the same path: {paths}"
    names = [entry["name"] for entry in container["env"]]
    if len(set(names)) < len(names):
        yield f"env: twice the same name: {names}"
    for entry in container["env"]:
        if ("value" in entry) == ("valueFrom" in entry):
            yield f"env: {entry['name']} needs one of value and valueFrom"


def _check_resources(resources: dict):
    for part in resources.values():
        for name, quantity in part.items():
            value = amount(quantity)
            if name == "nvidia.com/gpu" and value != value.to_integral_value():
                yield f"resources: {name}={quantity}"
            if value <= Decimal(0):
                yield f"resources: {name}={quantity}"
    for name, quantity in resources.get("requests", {}).items():
        limit = resources.get("limits", {}).get(name)
        if limit is not None and amount(quantity) > amount(limit):
            yield f"resources: request of {name} is more than its limit"
