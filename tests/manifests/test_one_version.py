"""One version and one name of the image, wherever it is written."""

import re

import yaml
from kustomizations import ROOT
from workloads import containers, pod_specs

from components.image import IMAGE
from kubepresso import __version__

NAME = "docker.io/kubepresso/kubepresso"


def test_the_name_of_the_image_carries_the_version():
    assert f"{NAME}:{__version__}" == IMAGE


def test_the_image_is_labelled_with_the_version():
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^ARG VERSION=(.+)$", text, re.M) == [__version__]
    assert 'org.opencontainers.image.version="${VERSION}"' in text
    assert set(re.findall(rf"{NAME}:([\w.]+)", text)) == {__version__}


def test_the_project_has_the_version():
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()


def test_every_workload_of_ours_runs_the_image_of_the_pipelines(objects):
    images = {
        container["image"]
        for _, _, pod in pod_specs(objects)
        for container in containers(pod)
        if "kubepresso" in container["image"]
    }
    assert images == {IMAGE}


def test_the_compiled_pipelines_run_it():
    for package in (ROOT / "pipelines" / "compiled").glob("*.yaml"):
        first = next(yaml.load_all(package.read_text(), yaml.CSafeLoader))
        executors = first["deploymentSpec"]["executors"].values()
        assert {executor["container"]["image"] for executor in executors} == {IMAGE}


def test_no_image_anywhere_is_the_latest():
    for folder in ("manifests", "pipelines"):
        for path in (ROOT / folder).rglob("*.yaml"):
            assert ":latest" not in path.read_text(), path
    assert ":latest" not in (ROOT / "Dockerfile").read_text()
