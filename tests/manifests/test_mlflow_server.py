"""The MLflow server, started by the very commands of its manifest and called by the name of its Service.

Half a minute long: `make test-slow`.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from workloads import pod_specs

SERVICE = "kubepresso-mlflow"


@pytest.fixture
def commands(rendered, tmp_path):
    """The commands of both containers, with a test's folder and port, and their environment."""
    from bucket_servers import free_port

    port = str(free_port())
    (pod,) = [pod for _, name, pod in pod_specs(rendered["overlays/laptop"]) if name == SERVICE]
    (tables,), (server,) = pod["initContainers"], pod["containers"]
    values = {"POD_NAMESPACE": "kubeflow"}
    for entry in server["env"]:
        text = entry.get("value", values.get(entry["name"]))
        for old, new in (
            ("$(POD_NAMESPACE)", "kubeflow"),
            (":5000", f":{port}"),
            ("/var/lib/mlflow", str(tmp_path)),
        ):
            text = text.replace(old, new)
        values[entry["name"]] = text
    replaced = {
        "mlflow": str(Path(sys.executable).with_name("mlflow")),
        "0.0.0.0": "127.0.0.1",
        "5000": port,
        "$(MLFLOW_BACKEND_STORE_URI)": values["MLFLOW_BACKEND_STORE_URI"],
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return (
        [replaced.get(word, word) for word in tables["command"]],
        [replaced.get(word, word) for word in server["command"]],
        own | values,
        int(port),
    )


@pytest.fixture
def server(commands, tmp_path, monkeypatch):
    """The address of the running server, by the name of the Service, which here leads to this machine."""
    tables, serve, environment, port = commands
    subprocess.run(tables, env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=100)
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: look_up(
            "127.0.0.1" if str(host).startswith(SERVICE) else host, *rest, **more
        ),
    )
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            serve, env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(port, process)
        yield f"http://{SERVICE}:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def wait_for(port, process, seconds=100):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).raise_for_status()
        time.sleep(0.2)
    return pytest.fail("the server did not start")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_step_logs_by_the_services_name_and_the_server_keeps_its_files(server, tmp_path):
    from mlflow.tracking import MlflowClient

    assert requests.get(f"{server}/health", headers={"Host": "10.0.0.7:5000"}, timeout=30).ok, "the probe"
    client = MlflowClient(server)
    run = client.create_run(client.create_experiment("digits"))
    assert run.info.artifact_uri.startswith("mlflow-artifacts:"), "clients need no access to the place"
    (tmp_path / "report.html").write_text("<html>")
    client.log_artifact(run.info.run_id, str(tmp_path / "report.html"))
    client.log_metric(run.info.run_id, "top1", 0.5)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]
    assert list((tmp_path / "artifacts").rglob("report.html"))
    search = f"{server}/api/2.0/mlflow/experiments/search?max_results=1"
    assert requests.get(search, timeout=30).ok
    stranger = {"Host": f"{SERVICE}.attacker.example:5000"}
    assert requests.get(search, headers=stranger, timeout=30).status_code == 403
