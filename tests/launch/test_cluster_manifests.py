"""What is posted for a configuration, in each kind and generation; the server validates by the CRDs."""

import jsonschema
import pytest
from cluster_schemas import FILES, load_crd, validator
from cluster_script import Play
from clusters import connected, launcher

from kubepresso.config import parse_view
from kubepresso.errors import UserError
from kubepresso.launch.cluster.memory import shared_memory_bytes
from kubepresso.launch.cluster.served import choose_kind

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(60)]

TRAIN_JOBS = ["2.0", "2.1", "2.2", "2.3"]
ALL = [*TRAIN_JOBS, "pytorchjob"]
EVERYTHING = {
    "launcher": "auto",
    "nodes": 4,
    "gpus_per_node": 8,
    "cpu": 32,
    "memory": "256Gi",
    "shared_memory": "32Gi",
    "node_selector": {"cloud.example/gpu": "h100"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "queue": "gpus",
    "priority_class": "high",
    "service_account": "kubepresso-training",
    "timeout": "12h",
    "data_claim": {"name": "prepared", "path": "/data", "dataset": "cifar10"},
}


def finish(api, job):
    Play(api, job).succeed()


@pytest.fixture
def posted(serve, job_of):
    def post(served, **keywords):
        api = serve(served, script=finish)
        launcher(api).run(job_of(**keywords))
        return api.posted[0]

    return post


def pod_of(job):
    """Return the pod's fields and the container, wherever the generation has them."""
    spec = job["spec"]
    if job["kind"] == "PyTorchJob":
        pod = spec["pytorchReplicaSpecs"].get("Master", spec["pytorchReplicaSpecs"].get("Worker"))
        return pod["template"]["spec"], pod["template"]["spec"]["containers"][0]
    if "podSpecOverrides" in spec:
        pod = spec["podSpecOverrides"][0]
    elif "podTemplateOverrides" in spec:
        pod = spec["podTemplateOverrides"][0]["spec"]
    else:
        jobs = spec["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
        pod = jobs[0]["template"]["spec"]["template"]["spec"]
    trainer = spec["trainer"]
    return pod, {**pod["containers"][0], **trainer, "resources": trainer["resourcesPerNode"]}


@pytest.mark.parametrize("served", ALL)
def test_every_setting_arrives(posted, served):
    job = posted(served, **EVERYTHING)
    pod, container = pod_of(job)
    wanted = {"cpu": "32", "memory": "256Gi", "nvidia.com/gpu": "8"}
    assert container["resources"] == {"limits": wanted, "requests": wanted}
    assert pod["nodeSelector"] == {"cloud.example/gpu": "h100"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["serviceAccountName"] == "kubepresso-training"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["kubepresso-shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "32Gi"}
    assert volumes["kubepresso-data"]["persistentVolumeClaim"] == {"claimName": "prepared", "readOnly": True}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts["/dev/shm"] == "kubepresso-shared-memory"
    assert "--dataset=/data/cifar10" in container["args"]
    assert {"--nodes=4", "--processes=8"} <= set(container["args"])
    labels = job["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "gpus"
    assert labels["kueue.x-k8s.io/priority-class"] == "high"
    assert labels["app.kubernetes.io/name"] == "kubepresso"


def test_a_pytorch_job_has_a_master_its_workers_and_a_deadline(posted):
    spec = posted("pytorchjob", **EVERYTHING)["spec"]
    replicas = spec["pytorchReplicaSpecs"]
    assert {name: replica["replicas"] for name, replica in replicas.items()} == {"Master": 1, "Worker": 3}
    assert spec["runPolicy"]["activeDeadlineSeconds"] == 12 * 3600 + 300
    assert spec["nprocPerNode"] == "8"
    assert "elasticPolicy" not in spec


@pytest.mark.parametrize("served", ["pytorchjob", "2.2"])
def test_nodes_that_come_and_go(posted, served):
    job = posted(served, launcher="auto", nodes=2, max_nodes=5, max_restarts=7)
    _, container = pod_of(job)
    assert "--nodes=2:5" in container["args"]
    assert "--max-restarts=7" in container["args"]
    if served == "pytorchjob":
        policy = job["spec"]["elasticPolicy"]
        assert (policy["minReplicas"], policy["maxReplicas"], policy["maxRestarts"]) == (2, 5, 7)
        (replicas,) = job["spec"]["pytorchReplicaSpecs"].values()
        assert (replicas["replicas"], replicas["restartPolicy"]) == (5, "ExitCode")
    else:
        assert job["spec"]["trainer"]["numNodes"] == 5


@pytest.mark.parametrize("served", ["2.2", "2.3", "pytorchjob"])
def test_pods_have_the_least_rights_that_the_api_lets_us_say(posted, served):
    pod, container = pod_of(posted(served, launcher="auto"))
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (container if served == "pytorchjob" else pod)["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    if served == "pytorchjob":
        assert pod["automountServiceAccountToken"] is False


def test_the_documented_runtime_is_valid_and_gives_the_same_rights(documented, crds):
    runtime = documented["ClusterTrainingRuntime"]
    jsonschema.validate({**runtime, "metadata": {}}, validator(crds / FILES["runtime"]).schema)
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    template = job["template"]["spec"]["template"]["spec"]
    (container,) = template["containers"]
    assert (job["name"], container["name"]) == ("node", "node")
    assert template["securityContext"]["runAsNonRoot"] is True
    assert template["automountServiceAccountToken"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert load_crd(crds / FILES["runtime"])["spec"]["names"]["kind"] == runtime["kind"]


def test_the_task_config_of_a_pipeline_is_passed_on(posted):
    given = {
        "resources": {
            "limits": {"nvidia.com/gpu": "2", "memory": "40Gi", "cpu": "8"},
            "requests": {"cpu": "4", "memory": "20Gi"},
        },
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "node_selector": {"pool": "gpu"},
        "env": [{"name": "NCCL_DEBUG", "value": "INFO"}],
        "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
        "volume_mounts": [{"name": "cache", "mountPath": "/cache"}],
        "affinity": None,
    }
    job = posted("2.1", launcher="auto", gpus_per_node=None, memory="64Gi", task_config=given)
    pod, container = pod_of(job)
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "2", "memory": "64Gi", "cpu": "8"}
    assert container["resources"]["requests"]["cpu"] == "4"
    assert job["spec"]["trainer"]["numProcPerNode"] == 2
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert {"name": "NCCL_DEBUG", "value": "INFO"} in container["env"]
    assert {"name": "cache", "mountPath": "/cache"} in container["volumeMounts"]
    assert given["volumes"][0] in pod["volumes"]


def test_a_dollar_in_the_configuration_is_no_variable_of_kubernetes(posted):
    job = posted("2.2", view={"model__name": "a$(HOME)b"})
    values = {entry["name"]: entry.get("value", "") for entry in job["spec"]["trainer"]["env"]}
    assert "a$$(HOME)b" in values["KUBEPRESSO_CONFIG"]


@pytest.mark.parametrize(
    ("served", "settings", "expected"),
    [
        ("2.0", {"image_pull_secrets": ["registry"]}, "image_pull_secrets: a TrainJob of Trainer 2.0"),
        ("2.2", {"priority_class": "high"}, "priority_class: a TrainJob takes it by a queue only"),
        ("2.2", {"runtime": "own"}, "clusterTrainingRuntime must be created before the TrainJob"),
        (
            "2.2",
            {"gpus_per_node": 2, "processes_per_node": 4},
            "4 processes need a GPU each, but a node has 2",
        ),
        (
            "2.2",
            {"task_config": {"affinity": {}}, "view": {"model__name": "x" * 200_000}},
            "KiB, pods take 100",
        ),
    ],
)
def test_settings_without_a_place_are_a_clear_error(serve, job_of, served, settings, expected):
    api = serve(served)
    with pytest.raises(UserError, match=expected):
        launcher(api).run(job_of(launcher="auto", **settings))
    assert not api.posted


def test_auto_takes_what_is_served_and_prefers_the_train_job(serve):
    assert choose_kind(connected(serve("pytorchjob", "2.3")), None).kind.kind == "TrainJob"
    assert choose_kind(connected(serve("pytorchjob")), None).kind.kind == "PyTorchJob"
    assert choose_kind(connected(serve("runtime")), None) is None
    with pytest.raises(UserError, match="set launcher: pytorchjob, which it serves"):
        choose_kind(connected(serve("pytorchjob")), "trainjob")


def test_shared_memory_holds_the_batches_of_all_workers(job_of):
    def size(processes=1, **environment):
        job = job_of(environment=environment, view={"augmentation__train": RESIZED})
        return shared_memory_bytes(parse_view(job.config), processes)

    batch = 64 * 224 * 224 * 20
    assert size(num_workers=0, batch_size=64) == 512 << 20
    assert 0 <= size(2, num_workers=8, batch_size=64) - (512 << 20) - 2 * 8 * 4 * batch < 64 << 20


RESIZED = [
    {"name": "randomresizedcrop", "size": [224, 224]},
    {"name": "totensor", "pixel_range": 1.0},
]
