"""Trouble with the server: one warning, bounded time, and the step's work is untouched."""

import shutil
import subprocess
import sys
import time

import pytest

from kubepresso.tracking import locate, pipeline_run, redact, step_run
from kubepresso.tracking import runs as tracking_runs


def work(run):
    for epoch in range(20):
        run.log_metrics({"loss": epoch}, step=epoch)
    run.log_params({"lr": 1})
    return "trained"


def warnings(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line]


def test_a_refusing_server_gives_one_warning(refusing_server, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", refusing_server)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    start = time.monotonic()
    with step_run("train") as run:
        assert work(run) == "trained"
        assert time.monotonic() - start < 0.5
    assert time.monotonic() - start < 30
    (warning,) = warnings(capsys)
    assert refusing_server in warning
    assert "'train'" in warning
    assert "the step goes on" in warning


def test_a_silent_server_holds_a_step_for_a_bounded_time(silent_server, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    monkeypatch.setattr(tracking_runs, "CLOSE_PATIENCE", 3.0)
    start = time.monotonic()
    with step_run("train") as run:
        assert work(run) == "trained"
        assert time.monotonic() - start < 0.5
    assert time.monotonic() - start < 8
    (warning,) = warnings(capsys)
    assert silent_server in warning


def test_a_process_ends_although_its_server_is_silent(silent_server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    script = (
        "from kubepresso.tracking import runs, step_run\n"
        "runs.CLOSE_PATIENCE = 2.0\n"
        "with step_run('train'): pass\n"
        "print('done')"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - start < 20


def test_a_run_that_ends_with_its_pod_is_told_of_once(tmp_path, monkeypatch, capsys, empty_database):
    class Logging:
        output_dir = str(tmp_path)
        project_id = None

    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    for variable in ("MLFLOW_TRACKING_URI", "KUBEPRESSO_RUN_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    with step_run("train", logging=Logging()) as run:
        work(run)
    (warning,) = warnings(capsys)
    assert "this pod only" in warning
    assert "ConfigMap `kubepresso`" in warning
    monkeypatch.setenv("KUBEPRESSO_RUN_ID", "run-7")
    with step_run("train", logging=Logging()):
        pass
    assert warnings(capsys) == []


def test_a_full_queue_drops_and_says_so(silent_server, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    monkeypatch.setattr(tracking_runs, "CLOSE_PATIENCE", 1.0)
    monkeypatch.setattr("kubepresso.tracking.worker.QUEUE_LENGTH", 5)
    with step_run("train") as run:
        work(run)
    (warning,) = warnings(capsys)
    assert "5 entries wait" in warning


def test_one_bad_call_does_not_lose_the_others(store, runs, capsys, tmp_path):
    with step_run("train") as run:
        run.log_artifact(tmp_path / "absent.html")
        run.log_metrics({"loss": "not a number"})
        run.log_metrics({"accuracy": 0.5})
        run.log_params({"lr": 1})
    (warning,) = warnings(capsys)
    assert "absent.html" in warning
    assert runs()["train"].info.status == "FINISHED"
    assert runs()["train"].data.params == {"lr": "1"}


def test_the_failure_of_the_step_is_what_is_raised(refusing_server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", refusing_server)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ValueError, match="bad label"), pipeline_run("night"), step_run("train"):
        raise ValueError("bad label")


def test_credentials_are_never_printed(refusing_server, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", refusing_server.replace("://", "://user:s3cr%40t@"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with step_run("train"):
        pass
    (warning,) = warnings(capsys)
    assert "s3cr" not in warning
    assert "://***@127.0.0.1" in warning


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@db/mlflow", "postgresql://***@db/mlflow"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("see http://token@host/x and s3://b/k", "see http://***@host/x and s3://b/k"),
        ("password hunter2 refused", "password *** refused"),
    ],
)
def test_redaction(text, shown):
    assert redact(text, {"MLFLOW_TRACKING_PASSWORD": "hunter2"}) == shown


def test_the_default_store_lies_beside_the_outputs(tmp_path, monkeypatch):
    class Logging:
        output_dir = str(tmp_path / "out")
        project_id = "digits"

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    store = locate(Logging())
    assert store.uri == f"sqlite:///{tmp_path}/out/mlflow.db"
    assert store.experiment == "digits"
    assert store.artifacts == (tmp_path / "out" / "mlartifacts").as_uri()
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "team")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    assert (locate(Logging()).uri, locate(Logging()).experiment) == ("http://tracking:5000", "team")
    assert locate(Logging()).artifacts is None
