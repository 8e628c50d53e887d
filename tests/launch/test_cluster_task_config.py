"""What a pipeline asks for on the train task, as KFP hands it on, and what the YAML makes of it."""

import dataclasses
from typing import Optional

import pytest
import yaml
from cluster_script import Play
from clusters import launcher
from kfp import compiler, dsl, kubernetes
from kfp.dsl.executor import Executor
from tiny_training import tiny_config

from components.train.component import train
from kubepresso.config import parse_view
from kubepresso.launch import TrainingJob
from kubepresso.launch.cluster.spec import GPU, build_spec
from kubepresso.launch.cluster.surroundings import Surroundings


def asked(gpus):
    """The resources of a task with the pipeline's parameters; KFP writes 0 GPUs, too."""
    amounts = {"cpu": "4", "memory": "16Gi", GPU: gpus}
    return {"resources": {"limits": dict(amounts), "requests": dict(amounts)}}


def resources(tmp_path, task_config, gpus=0, **distributed):
    config = tiny_config(environment__distributed=distributed, environment__gpus=gpus)
    job = TrainingJob(
        config,
        parse_view(config).need("environment"),
        dataset=tmp_path / "prepared",
        output=tmp_path / "model",
        start=None,
        step_id="step",
        dataset_uri="s3://bucket/dataset",
        output_uri="s3://bucket/model",
        task_config=task_config,
    )
    return build_spec(job, Surroundings("run", "train", "registry/kubepresso:1")).resources["limits"]


@pytest.mark.parametrize(
    ("parameter", "gpus", "distributed", "expected"),
    [
        ("2", 0, {}, "2"),
        ("0", "0, 1", {}, "2"),
        ("2", 0, {"gpus_per_node": 8}, "8"),
        ("2", 0, {"gpus_per_node": 0}, None),
        ("0", 0, {"gpus_per_node": 0}, None),
    ],
)
def test_gpus_are_those_of_the_yaml_then_of_the_parameter_then_of_the_index(
    tmp_path, parameter, gpus, distributed, expected
):
    found = resources(tmp_path, asked(parameter), gpus, **distributed)
    assert found.get(GPU) == expected


def test_cores_and_memory_come_from_the_parameters_unless_the_yaml_says_them(tmp_path):
    assert resources(tmp_path, asked("0"), gpus_per_node=0) == {"cpu": "4", "memory": "16Gi"}
    own = resources(tmp_path, asked("0"), gpus_per_node=0, cpu=2, memory="4Gi")
    assert own == {"cpu": "2", "memory": "4Gi"}


def pipeline_of_a_user(package):
    """Compile a pipeline that mounts a claim, a Secret and a ConfigMap on the train task."""

    @dsl.pipeline
    def pipeline(config: str = "{}"):
        data = dsl.importer(artifact_uri="s3://bucket/dataset", artifact_class=dsl.Dataset).output
        task = train(config=config, dataset=data)
        task.set_cpu_limit("4").set_memory_limit("16Gi").set_memory_request("8Gi")
        task.set_accelerator_type(GPU).set_accelerator_limit("2")
        kubernetes.mount_pvc(task, "kubepresso-data", "/data", sub_path="prepared")
        kubernetes.mount_pvc(task, "kubepresso-data", "/cache", sub_path="cache")
        kubernetes.use_secret_as_volume(task, "ca-bundle", "/etc/ca")
        kubernetes.use_config_map_as_volume(task, "nccl", "/etc/nccl")
        kubernetes.use_secret_as_env(task, "s3", {"secret": "AWS_SECRET_ACCESS_KEY"})
        kubernetes.use_field_path_as_env(task, "KFP_RUN_ID", "metadata.labels['pipeline/runid']")
        kubernetes.use_field_path_as_env(task, "POD_IP", "status.podIP")
        kubernetes.empty_dir_mount(task, "shared-memory", "/dev/shm", medium="Memory")
        kubernetes.add_node_selector(task, "pool", "gpu")
        kubernetes.add_toleration(task, key="gpu", operator="Exists", effect="NoSchedule")
        kubernetes.add_node_affinity(task, [{"key": "zone", "operator": "In", "values": ["a"]}])

    compiler.Compiler().compile(pipeline, str(package))
    spec, platform = yaml.safe_load_all(package.read_text())
    component = spec["components"]["comp-train"]
    executor = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train"]
    container = spec["deploymentSpec"]["executors"]["exec-train"]["container"]
    return component, executor, container


def driven(component, executor, container):
    """Make the task's TaskConfig as KFP's driver does (backend/src/v2/driver): emptyDirs are left out."""
    passed = {entry["field"] for entry in component["taskConfigPassthroughs"]}
    volumes, mounts, env = [], [], []
    for mount in executor["pvcMount"]:
        name = mount["pvcNameParameter"]["runtimeValue"]["constant"]
        volumes.append({"name": name, "persistentVolumeClaim": {"claimName": name}})
        mounts.append({"name": name, "mountPath": mount["mountPath"], "subPath": mount["subPath"]})
    for mount in executor["secretAsVolume"]:
        name = mount["secretName"]
        volumes.append({"name": name, "secret": {"secretName": name, "optional": False}})
        mounts.append({"name": name, "mountPath": mount["mountPath"]})
    for mount in executor["configMapAsVolume"]:
        name = mount["configMapName"]
        volumes.append({"name": name, "configMap": {"name": name, "optional": False}})
        mounts.append({"name": name, "mountPath": mount["mountPath"]})
    for secret in executor["secretAsEnv"]:
        for pair in secret["keyToEnv"]:
            source = {"secretKeyRef": {"name": secret["secretName"], "key": pair["secretKey"]}}
            env.append({"name": pair["envVar"], "valueFrom": source})
    for field in executor["fieldPathAsEnv"]:
        env.append({"name": field["name"], "valueFrom": {"fieldRef": {"fieldPath": field["fieldPath"]}}})
    (terms,) = executor["nodeAffinity"]
    required = {"nodeSelectorTerms": [{"matchExpressions": terms["matchExpressions"]}]}
    asked = container["resources"]
    fields = {
        "RESOURCES": {
            "resources": {
                "limits": {
                    "cpu": asked["resourceCpuLimit"],
                    "memory": asked["resourceMemoryLimit"],
                    asked["accelerator"]["resourceType"]: asked["accelerator"]["resourceCount"],
                },
                "requests": {"memory": asked["resourceMemoryRequest"]},
            }
        },
        "KUBERNETES_VOLUMES": {"volumes": volumes, "volumeMounts": mounts},
        "ENV": {"env": env},
        "KUBERNETES_TOLERATIONS": {"tolerations": executor["tolerations"]},
        "KUBERNETES_NODE_SELECTOR": {"nodeSelector": executor["nodeSelector"]["labels"]},
        "KUBERNETES_AFFINITY": {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        },
    }
    return {key: value for name in passed for key, value in fields[name].items()}


def received(value, folder):
    """Hand a TaskConfig to a function by KFP's own executor; return what the train component hands on."""
    taken = []

    def train(task_config: Optional[dsl.TaskConfig] = None):  # noqa: UP045 - as the component has it
        taken.append(dataclasses.asdict(task_config))

    told = {"inputs": {"parameterValues": {"task_config": value}}}
    Executor({**told, "outputs": {"outputFile": str(folder / "output.json")}}, train).execute()
    return taken[0]


@pytest.mark.realdata
@pytest.mark.parametrize("served", ["2.0", "2.1", "2.2", "2.3", "pytorchjob"])
def test_all_that_a_pipeline_sets_on_the_train_task_reaches_the_pods(
    serve, job_of, tmp_path, monkeypatch, served
):
    given = received(driven(*pipeline_of_a_user(tmp_path / "package.yaml")), tmp_path)
    assert all(given.values()), "every field of a TaskConfig is handed on"
    if served == "2.0":
        del given["affinity"]  # it has no place for it, which is said
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    api = serve(served, script=lambda api, job: Play(api, job).succeed())
    claim = {"name": "other", "path": "/prepared"}
    wanted = {"launcher": "auto", "nodes": 2, "gpus_per_node": None, "data_claim": claim}
    launcher(api).run(job_of(task_config=given, **wanted))
    (job,) = api.posted
    for pod, container in pods_of(job):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        mounted = {path: volumes[mount["name"]] for path, mount in mounts.items()}
        assert mounted["/data"]["persistentVolumeClaim"]["claimName"] == "kubepresso-data"
        assert mounted["/cache"]["persistentVolumeClaim"]["claimName"] == "kubepresso-data"
        assert (mounts["/data"]["subPath"], mounts["/cache"]["subPath"]) == ("prepared", "cache")
        assert mounted["/prepared"]["persistentVolumeClaim"]["claimName"] == "other"
        assert mounted["/etc/ca"]["secret"]["secretName"] == "ca-bundle"
        assert mounted["/etc/nccl"]["configMap"]["name"] == "nccl"
        assert "sizeLimit" in mounted["/dev/shm"]["emptyDir"], "sized by batches, not the step's own"
        env = {entry["name"]: entry for entry in container["env"]}
        assert env["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "s3", "key": "secret"}
        assert env["KFP_RUN_ID"] == {"name": "KFP_RUN_ID", "value": "run-7"}, "pods do not have the label"
        assert env["POD_IP"]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
        amounts = {"cpu": "4", "memory": "16Gi", GPU: "2"}
        assert container["resources"]["limits"] == amounts
        assert container["resources"]["requests"] == {"memory": "8Gi", GPU: "2"}
        assert pod["nodeSelector"] == {"pool": "gpu"}
        assert [toleration["key"] for toleration in pod["tolerations"]] == ["gpu"]
        if served != "2.0":
            assert pod["affinity"] == given["affinity"]


def pods_of(job):
    """Yield the pod's fields and the container of all kinds of pods of a job."""
    spec = job["spec"]
    if job["kind"] == "PyTorchJob":
        for replica in spec["pytorchReplicaSpecs"].values():
            pod = replica["template"]["spec"]
            yield pod, pod["containers"][0]
        return
    trainer = spec["trainer"]
    for override in spec.get("podSpecOverrides") or spec.get("podTemplateOverrides") or []:
        pod = override.get("spec", override)
        yield pod, {**pod["containers"][0], **trainer, "resources": trainer["resourcesPerNode"]}
    for patch in spec.get("runtimePatches", []):
        (replicated,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
        pod = replicated["template"]["spec"]["template"]["spec"]
        yield pod, {**pod["containers"][0], **trainer, "resources": trainer["resourcesPerNode"]}
