"""What a user sees in MLflow after a run, a failure, an interrupt."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from mlflow import MlflowClient

from kubepresso.tracking import mark_failed, pipeline_run, step_run

#: A step that works for a minute; it says so when its run is open.
OPENED = """
    import time
    from kubepresso.tracking import step_run
    with step_run("train") as run:
        run._worker.call("saying so", lambda session: print("up", flush=True))
        time.sleep(60)
"""


def start(script: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_step_alone_is_a_finished_run_with_all_it_logged(store, runs, client, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "page.html").write_text("<p>")
    with step_run("train", title="retrain", tags={"kubepresso.data_digest": "sha256:1"}) as run:
        run.log_params({"training": {"optimizer": {"lr": 0.1}}, "seed": 1})
        for epoch in range(2500):
            run.log_metrics({"loss": 1 / (epoch + 1)}, step=epoch)
        run.log_artifact(folder, "report")
        run.log_dict({"a": [1]}, "evaluation.json")
        run.log_text("data: {}", "config.yaml")
    found = runs()["retrain"]
    assert found.info.status == "FINISHED"
    assert found.data.params == {"training.optimizer.lr": "0.1", "seed": "1"}
    assert found.data.tags["kubepresso.step"] == "train"
    assert found.data.tags["kubepresso.data_digest"] == "sha256:1"
    history = client.get_metric_history(found.info.run_id, "loss")
    assert [(point.step, point.value) for point in sorted(history, key=lambda point: point.step)] == [
        (epoch, 1 / (epoch + 1)) for epoch in range(2500)
    ]
    assert [file.path for file in client.list_artifacts(found.info.run_id, "report")] == ["report/page.html"]
    path = client.download_artifacts(found.info.run_id, "evaluation.json", str(tmp_path))
    assert json.loads(Path(path).read_text()) == {"a": [1]}


def test_a_page_without_a_suffix_gets_one_so_that_it_can_be_looked_at(store, runs, client, tmp_path):
    (tmp_path / "report").write_text("<!doctype html>\n<p>ü</p>", encoding="utf-8")
    (tmp_path / "weights").write_bytes(b"\x00\xff")
    with step_run("train") as run:
        run.log_artifact(tmp_path / "report")
        run.log_artifact(tmp_path / "report", "pages")
        run.log_artifact(tmp_path / "weights")
    found = runs()["train"].info.run_id
    assert {file.path for file in client.list_artifacts(found)} == {"report.html", "pages", "weights"}
    path = client.download_artifacts(found, "pages/report.html", str(tmp_path))
    assert Path(path).read_bytes() == (tmp_path / "report").read_bytes()


def test_a_pipeline_holds_its_steps(store, runs):
    with pipeline_run("night", tags={"config": "examples"}) as pipeline:
        assert os.environ["KUBEPRESSO_RUN_ID"] == pipeline.run_id
        with step_run("prepare_dataset") as run:
            run.parent.set_tags({"kubepresso.data_digest": "sha256:1"})
        with step_run("train"):
            pass
        pipeline.cached("evaluate original")
        pipeline.cached("compress")
    assert "KUBEPRESSO_RUN_ID" not in os.environ
    found = runs()
    parent = found["night"]
    assert set(found) == {"night", "prepare_dataset", "train"}
    assert {found[name].data.tags["mlflow.parentRunId"] for name in ("prepare_dataset", "train")} == {
        parent.info.run_id
    }
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["kubepresso.cached"] == "evaluate original, compress"
    assert parent.data.tags["kubepresso.data_digest"] == "sha256:1"


def test_a_failing_step_is_failed_with_its_reason_and_so_is_the_pipeline(store, runs):
    with pytest.raises(ValueError, match="label 12"), pipeline_run("night"), step_run("train"):
        raise ValueError("label 12 out of range")
    for name in ("train", "night"):
        assert runs()[name].info.status == "FAILED"
        assert runs()[name].data.tags["kubepresso.error"] == "label 12 out of range"


def test_a_step_run_again_keeps_the_parent(store, client, monkeypatch):
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    with pytest.raises(RuntimeError), step_run("train"):
        raise RuntimeError("preempted")
    with step_run("train"):
        pass
    experiment = client.get_experiment_by_name(store.experiment)
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    assert [(run.info.run_name, run.info.status) for run in found] == [
        ("pipeline run-7", "FINISHED"),
        ("train", "FAILED"),
        ("train", "FINISHED"),
    ]


def test_the_run_that_the_orchestrator_names_is_resumed(store, client, runs, monkeypatch):
    experiment = client.create_experiment("kubepresso", store.artifacts)
    given = client.create_run(experiment, run_name="task", tags={"mlflow.parentRunId": "theirs"}).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    with step_run("evaluate") as run:
        run.log_metrics({"top1_accuracy": 0.9})
    assert set(runs()) == {"task"}
    assert runs()["task"].data.metrics == {"top1_accuracy": 0.9}
    assert runs()["task"].data.tags["mlflow.parentRunId"] == "theirs"
    assert runs()["task"].info.status == "FINISHED"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, "KILLED"), (signal.SIGINT, "KILLED")])
def test_an_ended_process_leaves_a_killed_run(store, runs, number, status):
    process = start(OPENED)
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert runs()["train"].info.status == status


def test_a_run_whose_process_was_shot_is_closed_by_who_started_it(store, client, runs, monkeypatch):
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    process = start(OPENED)
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=30)
    assert runs()["train"].info.status == "RUNNING"
    mark_failed("train", "rank 0 was killed by signal 9")
    assert runs()["train"].info.status == "FAILED"
    assert runs()["train"].data.tags["kubepresso.error"] == "rank 0 was killed by signal 9"


def test_the_end_of_the_pipeline_closes_what_its_steps_left_open(store, runs, client):
    with pipeline_run("night") as pipeline:
        process = start("""
            import os, time
            from kubepresso.tracking import step_run
            with step_run("train") as run:
                run._worker.call("dying", lambda session: os._exit(9))
                time.sleep(60)
        """)
        process.communicate(timeout=60)
        pipeline.failed("train failed")
    assert runs()["train"].info.status == "FAILED"
    assert runs()["night"].info.status == "FAILED"


def test_many_processes_at_once_make_one_store_one_experiment_and_one_parent(store, monkeypatch):
    Path(store.uri.removeprefix("sqlite:///")).unlink()
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    script = """
        from kubepresso.tracking import step_run
        with step_run("evaluate"):
            pass
    """
    processes = [start(script) for _ in range(3)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert errors == [""] * 3
    client = MlflowClient(store.uri, store.uri)
    experiment = client.get_experiment_by_name(store.experiment)
    found = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in found) == ["evaluate"] * 3 + ["pipeline run-7"]
    assert {run.info.status for run in found} == {"FINISHED"}


def test_steps_that_know_the_experiment_by_other_names_share_the_parent(store, client, monkeypatch):
    class Logging:
        output_dir = "outputs"
        project_id = "digits"

    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    with step_run("resolve", logging=Logging()):
        pass
    with step_run("train"):
        pass
    assert client.get_experiment_by_name("kubepresso") is None
    found = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert sorted(run.info.run_name for run in found) == ["pipeline run-7", "resolve", "train"]


@pytest.mark.parametrize("ending", ["SystemExit(143)", "RuntimeError('lost peer')"])
def test_the_launcher_corrects_the_reason_of_a_run_that_closed_itself(store, runs, ending):
    process = start(f"""
        import os
        os.environ["KUBEPRESSO_STEP_ID"] = "step-1"
        from kubepresso.tracking import step_run
        with step_run("train"):
            raise {ending}
    """)
    process.communicate(timeout=60)
    assert runs()["train"].info.status in ("KILLED", "FAILED")
    mark_failed("train", "rank 1 failed: no image", step_id="step-2")
    assert runs()["train"].data.tags["kubepresso.error"] in ("terminated", "lost peer")
    mark_failed("train", "rank 1 failed: no image", step_id="step-1")
    assert runs()["train"].info.status == "FAILED"
    assert runs()["train"].data.tags["kubepresso.error"] == "rank 1 failed: no image"


def test_a_run_that_ended_well_is_not_marked(store, runs, monkeypatch):
    monkeypatch.setenv("KUBEPRESSO_STEP_ID", "step-1")
    with step_run("train"):
        pass
    mark_failed("train", "late", step_id="step-1")
    assert runs()["train"].info.status == "FINISHED"
