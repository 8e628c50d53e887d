"""What a task gets on a cluster, and nowhere else: settings, credentials, resources, retries, a time limit.

kfp.local takes all of it and applies none.
"""

from __future__ import annotations

from typing import Any

from kfp import dsl, kubernetes

GPU = "nvidia.com/gpu"
#: Objects of the namespace and their keys, each an environment variable of that name. All may be absent.
SETTINGS = (
    "kubepresso",
    (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_EXPERIMENT_NAME",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "KUBEPRESSO_CHECKPOINTS",
        "KUBEPRESSO_WEIGHTS_URL",
    ),
)
STORE = ("kubepresso-s3", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
TRACKING = (
    "kubepresso-mlflow",
    ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
)
NETSPRESSO = ("kubepresso-netspresso", ("NETSPRESSO_API_KEY",))
#: A kubelet takes a Secret that is missing for none, so a public image needs it not.
PULL_SECRET = "kubepresso-registry"  # noqa: S105 - a name
#: The image's own; said again because an image can be replaced.
USER = 10001


def give_surroundings(task: dsl.PipelineTask, hours: int) -> None:
    """Tell a task its run, its stores and their credentials by the environment, which is in no cache key.

    Args:
        task: The task.
        hours: After which its pod is ended.
    """
    kubernetes.use_field_path_as_env(
        task, env_name="KFP_RUN_ID", field_path="metadata.labels['pipeline/runid']"
    )
    config_map, settings = SETTINGS
    kubernetes.use_config_map_as_env(task, config_map, {key: key for key in settings}, optional=True)
    for secret in (STORE, TRACKING):
        give_secret(task, secret)
    kubernetes.set_image_pull_secrets(task, [PULL_SECRET])
    kubernetes.set_security_context(task, run_as_user=USER, run_as_non_root=True)
    kubernetes.set_timeout(task, hours * 3600)


def give_secret(task: dsl.PipelineTask, secret: tuple[str, tuple[str, ...]]) -> None:
    """Hand the keys of a Secret, where there is one, to a task as variables."""
    name, keys = secret
    kubernetes.use_secret_as_env(task, name, {key: key for key in keys}, optional=True)


def give_resources(task: dsl.PipelineTask, cpu: Any, memory: Any, gpus: Any = None) -> None:
    """Set what a task asks for, which is also all that it may take.

    A limit on cores also says how many threads a step starts.

    Args:
        task: The task.
        cpu: Cores, a text or a pipeline parameter.
        memory: Memory, the same.
        gpus: Number of GPUs, the same; None: none can be asked for.
    """
    task.set_cpu_request(cpu)
    task.set_cpu_limit(cpu)
    task.set_memory_request(memory)
    task.set_memory_limit(memory)
    if gpus is not None:
        task.set_accelerator_type(GPU)
        task.set_accelerator_limit(gpus)


def give_place(task: dsl.PipelineTask, node_selector: Any, tolerations: Any) -> None:
    """Say on which nodes a task may run."""
    kubernetes.add_node_selector_json(task, node_selector)
    kubernetes.add_toleration_json(task, tolerations)


def give_shared_memory(task: dsl.PipelineTask) -> None:
    """Let the loader's processes hand batches over: a container's own /dev/shm has 64 MB.

    What lies in it counts into the task's memory, which is therefore its limit.
    """
    kubernetes.empty_dir_mount(task, "shared-memory", "/dev/shm", medium="Memory")  # noqa: S108 - the pod's own


def retry(task: dsl.PipelineTask, times: int) -> None:
    """Start a task again, after 1, 2, 4 ... minutes, 15 at most.

    Kubeflow Pipelines cannot tell a bad configuration from a lost node, so only those tasks are retried that
    talk to services for long or whose pod may be away for long, and that go on where they were.
    """
    task.set_retry(num_retries=times, backoff_duration="60s", backoff_factor=2.0, backoff_max_duration="900s")
