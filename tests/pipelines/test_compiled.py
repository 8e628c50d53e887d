"""The compiled pipelines and the pages are what the source says, and valid for a server."""

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from components.image import IMAGE
from kubepresso import __version__
from pipelines.compile import COMPONENTS, PIPELINES, compile_pipelines, component_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_compiled_files_are_what_the_source_compiles_to(tmp_path):
    compile_pipelines(tmp_path)
    for name in PIPELINES:
        committed = (ROOT / "pipelines" / "compiled" / f"{name}.yaml").read_text()
        assert (tmp_path / f"{name}.yaml").read_text() == committed, "run `make compile`"


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_each_component_has_the_page_of_its_docstring(component):
    page = ROOT / "components" / component.python_func.__name__ / "README.md"
    assert page.read_text() == component_page(component), "run `make compile`"


def test_the_spec_parses_as_the_servers_protobufs(documents):
    spec = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(
        json_format.MessageToDict(spec.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    platform = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(platform) <= set(deployment.executors)
    for executor in platform.values():
        json_format.ParseDict(executor, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_every_reference_points_to_something(documents):
    spec = documents[0]
    executors = spec["deploymentSpec"]["executors"]
    for task in spec["root"]["dag"]["tasks"].values():
        component = spec["components"][task["componentRef"]["name"]]
        assert component["executorLabel"] in executors
        for producer in task.get("dependentTasks", []):
            assert producer in spec["root"]["dag"]["tasks"]


def test_the_config_uri_is_the_one_required_parameter(documents):
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert [name for name, spec in parameters.items() if not spec.get("isOptional")] == ["config_uri"]


def test_every_image_carries_the_version_and_nothing_is_installed_at_run_time(documents):
    for executor in documents[0]["deploymentSpec"]["executors"].values():
        container = executor["container"]
        assert container["image"] == IMAGE
        assert "pip install" not in " ".join(container["command"] + container["args"])
    assert IMAGE.endswith(f":{__version__}")


def test_resolve_alone_is_never_cached(documents):
    tasks = documents[0]["root"]["dag"]["tasks"]
    assert [name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")] == [
        "resolve"
    ]


def test_the_run_id_is_no_parameter_but_an_environment_variable(documents):
    text = yaml.safe_dump(documents[0])
    assert not re.search(r"\{\{\$\.pipeline_job", text), (
        "a run id among the arguments makes every cache key new"
    )
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    names = {env["name"] for e in executors.values() for env in e["fieldPathAsEnv"]}
    assert names == {"KFP_RUN_ID"}
    assert len(executors) == len(documents[0]["root"]["dag"]["tasks"])


def test_all_that_follows_from_the_data_takes_it_or_what_was_made_of_it(documents):
    """So that its cache key changes with one byte of the data: artifacts go into the key by their content."""
    tasks = documents[0]["root"]["dag"]["tasks"]
    for name in set(tasks) - {"resolve", "prepare-dataset"}:
        taken = tasks[name]["inputs"]["artifacts"]
        assert {"dataset", "model"} & set(taken), name
        for source in taken.values():
            assert source["taskOutputArtifact"]["producerTask"] in tasks
