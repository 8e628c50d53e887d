"""What the compiled pipelines tell Kubernetes: resources, places, credentials, retries, time limits."""

import re

import pytest

TRAINING = {"train", "train-2"}
LOADS_DATA = {"validate-augmentation", "evaluate", "evaluate-2", "evaluate-3", "promote", *TRAINING}
SECRETS = {
    "kubepresso-s3": "AWS_SECRET_ACCESS_KEY",
    "kubepresso-mlflow": "MLFLOW_TRACKING_PASSWORD",
}


@pytest.fixture
def tasks(documents):
    return documents[0]["root"]["dag"]["tasks"]


@pytest.fixture
def executors(documents):
    """What Kubernetes is told of each task, by the task's name."""
    told = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor for name, executor in told.items()}


def resources(documents, task):
    return documents[0]["deploymentSpec"]["executors"][f"exec-{task}"]["container"].get("resources", {})


def secrets(executor):
    return {
        secret["secretName"]: {pair["envVar"] for pair in secret["keyToEnv"]}
        for secret in executor["secretAsEnv"]
    }


def test_stores_and_credentials_come_from_objects_that_may_be_absent(executors):
    for executor in executors.values():
        (config_map,) = executor["configMapAsEnv"]
        assert config_map["configMapName"] == "kubepresso"
        assert {"MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "KUBEPRESSO_CHECKPOINTS"} <= {
            pair["envVar"] for pair in config_map["keyToEnv"]
        }
        assert all(source["optional"] for source in [config_map, *executor["secretAsEnv"]])
        for name, key in SECRETS.items():
            assert key in secrets(executor)[name]


def test_only_compression_gets_the_key_of_netspresso(executors):
    holders = {task for task, executor in executors.items() if "kubepresso-netspresso" in secrets(executor)}
    assert holders == {"compress"}


def test_no_value_of_a_secret_stands_in_the_package(documents):
    for executor in documents[0]["deploymentSpec"]["executors"].values():
        assert not executor["container"].get("env")


def test_every_task_has_requests_and_limits_on_cores_and_memory(documents, tasks):
    for task in tasks:
        given = resources(documents, task)
        for what in ("Cpu", "Memory"):
            assert given[f"resource{what}Request"] == given[f"resource{what}Limit"], task


def test_every_resource_but_those_of_resolve_is_a_parameter_that_exists(documents, tasks):
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    for task in set(tasks) - {"resolve"}:
        text = str(resources(documents, task))
        named = set(re.findall(r"pipelinechannel--(\w+)", text))
        assert named, task
        assert named <= set(parameters)


def test_no_gpu_is_asked_for_unless_a_parameter_says_so(documents, tasks):
    asking = {task for task in tasks if "accelerator" in resources(documents, task)}
    assert asking == {"evaluate", "evaluate-2", "evaluate-3", *TRAINING}
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert parameters["train_gpus"]["defaultValue"] == parameters["evaluate_gpus"]["defaultValue"] == 0


def test_resources_and_place_of_training_go_to_its_pods_and_not_to_the_launcher(documents):
    component = documents[0]["components"]["comp-train"]
    passed = {
        entry["field"]: entry.get("applyToTask", False) for entry in component["taskConfigPassthroughs"]
    }
    assert component["inputDefinitions"]["parameters"]["task_config"]["parameterType"] == "TASK_CONFIG"
    assert not passed["RESOURCES"]
    assert not passed["KUBERNETES_NODE_SELECTOR"]
    assert not passed["KUBERNETES_TOLERATIONS"]
    assert passed["ENV"], "the launcher itself needs its stores"


def test_every_task_can_be_placed_by_a_parameter(executors):
    for task, executor in executors.items():
        prefix = "train_" if task in TRAINING else ""
        selector = executor["nodeSelector"]["nodeSelectorJson"]["componentInputParameter"]
        (toleration,) = executor["tolerations"]
        assert selector == f"{prefix}node_selector"
        assert toleration["tolerationJson"]["componentInputParameter"] == f"{prefix}tolerations"


def test_only_tasks_that_talk_to_services_for_long_are_retried_and_never_the_check_of_the_config(tasks):
    retried = {name: task["retryPolicy"] for name, task in tasks.items() if "retryPolicy" in task}
    assert set(retried) == {"prepare-dataset", "promote", *TRAINING}
    for policy in retried.values():
        assert 1 <= policy["maxRetryCount"] <= 2
        assert policy["backoffDuration"] == "60s"
        assert policy["backoffFactor"] == 2.0


def test_every_task_has_a_time_limit_and_training_the_longest(executors):
    limits = {task: int(executor["activeDeadlineSeconds"]) for task, executor in executors.items()}
    assert limits["resolve"] <= 3600
    assert all(limits[task] == max(limits.values()) for task in TRAINING)


def test_no_task_runs_as_root_and_a_private_registry_needs_no_other_pipeline(executors):
    for executor in executors.values():
        assert executor["securityContext"] == {"runAsNonRoot": True, "runAsUser": "10001"}
        assert [secret["secretName"] for secret in executor["imagePullSecret"]] == ["kubepresso-registry"]


def test_tasks_that_load_data_have_shared_memory(executors):
    mounts = {
        task: [(mount["mountPath"], mount["medium"]) for mount in executor.get("emptyDirMounts", [])]
        for task, executor in executors.items()
    }
    assert {task for task, paths in mounts.items() if ("/dev/shm", "Memory") in paths} == LOADS_DATA
