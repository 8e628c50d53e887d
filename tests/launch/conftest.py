import re
from pathlib import Path

import pytest
import yaml
from bucket_servers import make_bucket
from pod_process import Pod
from processes import end
from tiny_training import tiny_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def unseen_tracking(tmp_path_factory):
    """One tracking store for all launches, so that its tables are made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")
        yield


@pytest.fixture(scope="session")
def documented() -> dict[str, dict]:
    """The YAML documents of the guide, by their kind."""
    text = (ROOT / "docs" / "launching.md").read_text()
    documents = [
        part for block in re.findall(r"```yaml\n(.*?)```", text, re.S) for part in yaml.safe_load_all(block)
    ]
    return {document["kind"]: document for document in documents if "kind" in document}


@pytest.fixture
def serve(crds, documented):
    """Start API servers that allow what the guide's Role allows, and nothing else."""
    from cluster_api import ClusterApi

    rules = documented["Role"]["rules"]
    started = []

    def start(*serves, script=None):
        api = ClusterApi(crds, serves, rules)
        started.append(api)
        api.put("trainingruntimes", {"metadata": {"name": "kubepresso"}})
        api.on_job = script
        return api

    yield start
    for api in started:
        api.close()


@pytest.fixture(scope="module")
def bucket(moto):
    """An empty bucket for all tests of a file, by its URI; ``AWS_*`` point at it."""
    with pytest.MonkeyPatch.context() as patch:
        yield make_bucket(patch, moto)


@pytest.fixture(scope="module")
def finished(bucket, tmp_path_factory):
    """A bucket in which a bundle lies as if training had written it; its URI."""
    from kubepresso import storage

    folder = tmp_path_factory.mktemp("finished")
    (folder / "manifest.json").write_text('{"name": "trained"}')
    storage.put_folder(folder, f"{bucket}/run/model")
    return f"{bucket}/run/model"


@pytest.fixture
def job_of(finished, tmp_path):
    """Make a job of the tiny training; keywords are keys of ``environment.distributed``."""
    from kubepresso.config import parse_view
    from kubepresso.launch import TrainingJob

    def make(environment=None, view=None, start=None, task_config=None, **distributed):
        given = {"launcher": "trainjob", "gpus_per_node": 0, **distributed}
        config = tiny_config(
            **(view or {}),
            environment__distributed=given,
            **{f"environment__{k}": v for k, v in (environment or {}).items()},
        )
        base = finished.removesuffix("/model")
        return TrainingJob(
            config=config,
            environment=parse_view(config).need("environment"),
            dataset=tmp_path / "prepared",
            output=tmp_path / "model",
            start=start,
            step_id="step",
            dataset_uri=f"{base}/dataset",
            output_uri=finished,
            start_uri=f"{base}/start" if start else None,
            task_config=task_config,
        )

    return make


@pytest.fixture
def pods(tmp_path):
    """Start training pods as processes, each with a folder of its own; they end with the test."""
    started = []

    def start(arguments, **variables):
        pod = Pod(tmp_path / f"pod-{len(started)}", arguments, **variables)
        started.append(pod)
        return pod

    yield start
    for pod in started:
        end(pod.process.pid)
        pod.process.kill()
        pod.process.wait()
