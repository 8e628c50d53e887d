"""Promotion through a tracking server over HTTP, which keeps the artifacts itself."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import yaml
from test_promote import MODEL

from kubepresso.steps import evaluate, promote
from kubepresso.steps.champion import look_up
from kubepresso.tracking import Registry, locate


@pytest.fixture
def server(tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination",
        str(tmp_path / "a"),
    ]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=tmp_path)
    uri = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{uri}/health", process)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield uri
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)


def wait_for(url, process, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the tracking server did not start")


@pytest.mark.slow
def test_promote_and_reload_over_http(server, prepared, good_bundle, make_bundle, tmp_path):
    import mlflow

    settings = {"logging": {"project_id": "digits"}, "model": MODEL}

    def decide(bundle, digest):
        found = evaluate.run(
            config=yaml.safe_dump({"logging": {}}), dataset=prepared, model=bundle, report=tmp_path / "report"
        )
        return promote.run(
            config=yaml.safe_dump(settings),
            dataset=prepared,
            candidate=bundle,
            evaluation=found.metrics(),
            champion=str(look_up(Registry(locate()), "digits", digest, "sha256:data")),
            decision=tmp_path / "decision",
        )

    assert decide(good_bundle, "sha256:a").promoted
    settings["logging"]["promotion"] = {"max_latency_ratio": 1000}
    assert not decide(make_bundle(0.3), "sha256:b").promoted
    mlflow.set_tracking_uri(server)
    model = mlflow.pyfunc.load_model("models:/digits@champion")
    assert next(iter(model.predict(np.zeros((2, 3, 8, 8), np.float32)).values())).shape == (2, 10)
