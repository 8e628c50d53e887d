"""What a pipeline asks for on the train task, as KFP hands it on, and what the YAML makes of it."""

import pytest
from tiny_training import tiny_config

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
