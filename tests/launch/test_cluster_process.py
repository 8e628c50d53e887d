"""The launcher as a process that is killed, started again, and told to end."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from cluster_script import Play
from processes import wait_until

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(120)]

RUN = Path(__file__).with_name("cluster_run.py")
LINES = 20


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start the launcher's process for a job; the cluster is found by its kubeconfig."""
    started = []

    def kubeconfig(api):
        cluster = {"name": "test", "cluster": {"server": api.url}}
        context = {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "training"}}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "users": [{"name": "test", "user": {}}],
            "contexts": [context],
            "current-context": "test",
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(path))

    def start(api, job):
        kubeconfig(api)
        fields = ("config", "step_id", "dataset_uri", "output_uri", "dataset", "output")
        file = tmp_path / "job.json"
        file.write_text(json.dumps({name: str(getattr(job, name)) for name in fields}))
        log = tmp_path / f"log-{len(started)}"
        with log.open("w") as output:
            process = subprocess.Popen([sys.executable, RUN, file], stdout=output, stderr=subprocess.STDOUT)
        started.append(process)
        return process, log

    yield start
    for process in started:
        process.kill()
        process.wait()


def slow(api, job):
    """Two nodes that write numbered lines for two seconds and more, until `go_on` is set."""
    play = Play(api, job)
    pods = [play.pod(index) for index in range(2)]
    for pod in pods:
        play.run(pod)
    for number in range(LINES):
        for pod in pods:
            api.log(pod, f"line {number}")
        time.sleep(0.05)
        while number == LINES // 2 and not getattr(api, "go_on", True):
            time.sleep(0.05)
    for pod in pods:
        play.end(pod)
    play.succeed()


def lines_of(log, node):
    prefix = f"[node-{node}] "
    return [line.removeprefix(prefix) for line in log.read_text().splitlines() if line.startswith(prefix)]


def test_a_launcher_killed_and_started_again_finds_its_one_job(serve, job_of, start):
    api = serve("2.2", script=slow)
    api.go_on = False
    job = job_of(nodes=2)
    first, log = start(api, job)
    wait_until(lambda: f"line {LINES // 2}" in log.read_text() or first.poll() is not None, 60)
    assert first.poll() is None, log.read_text()
    first.send_signal(signal.SIGKILL)
    first.wait()
    again, log = start(api, job)
    wait_until(lambda: "followed from its beginning" in log.read_text() or again.poll() is not None, 60)
    api.go_on = True
    assert again.wait(60) == 0, log.read_text()
    assert len(api.posted) == 1
    expected = [f"line {number}" for number in range(LINES)]
    assert lines_of(log, 0) == lines_of(log, 1) == expected
    assert (job.output / "manifest.json").is_file()
    assert len(api.deleted) == 1


@pytest.mark.parametrize("moment", ["creation", "pending"])
def test_wherever_the_launcher_is_killed_there_is_one_job(serve, job_of, start, moment):
    api = serve("2.2", script=slow if moment == "creation" else None)
    api.creation_seconds = 0.5 if moment == "creation" else 0.0
    job = job_of(nodes=2)
    first, log = start(api, job)
    wait_until(lambda: ("create", "trainjobs") in api.requests or first.poll() is not None, 60)
    if moment == "pending":
        wait_until(lambda: "created in training" in log.read_text(), 10)
    first.send_signal(signal.SIGKILL)
    first.wait()
    if moment == "pending":
        wait_until(lambda: api.posted, 10)
        threading.Thread(target=slow, args=(api, api.posted[0]), daemon=True).start()
    again, log = start(api, job)
    assert again.wait(60) == 0, log.read_text()
    assert len(api.posted) == 1
    assert lines_of(log, 0) == lines_of(log, 1) == [f"line {number}" for number in range(LINES)]


@pytest.mark.parametrize("moment", ["patch", "create", "delete"])
def test_restarts_are_counted_wherever_the_launcher_is_killed(serve, job_of, start, moment):
    def interrupted(api, job):
        play = Play(api, job)
        play.end(play.run(play.pod()), 203)
        play.fail()

    reached, killed = threading.Event(), threading.Event()

    def fault(verb, resource):
        """Hold the call that follows the first interruption, and lose it with its client."""
        if (
            killed.is_set()
            or (verb, resource) != (moment, "trainjobs")
            or ("list", "pods") not in api.requests
        ):
            return None
        reached.set()
        killed.wait(60)
        return 500, {}

    api = serve("2.2", script=interrupted)
    api.fault = fault
    job = job_of(max_restarts=1)
    first, log = start(api, job)
    assert reached.wait(60), log.read_text()
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed.set()
    again, log = start(api, job)
    assert again.wait(60) == 1, log.read_text()
    assert "not started again, max_restarts is 1" in log.read_text()
    attempts = [job["metadata"]["annotations"]["kubepresso.io/attempt"] for job in api.posted]
    assert attempts == ["0", "1"]
    assert len({job["metadata"]["annotations"]["kubepresso.io/started-at"] for job in api.posted}) == 1
    wait_until(lambda: len(api.objects["trainjobs"]) == 1, 5)


def test_a_launcher_cancelled_while_it_creates_leaves_no_job(serve, job_of, start):
    api = serve("2.2", script=slow)
    api.go_on, api.creation_seconds = False, 1.0
    process, log = start(api, job_of(nodes=2))
    wait_until(lambda: ("create", "trainjobs") in api.requests or process.poll() is not None, 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143, log.read_text()
    assert len(api.posted) == 1, "the server heard the call"
    wait_until(lambda: not api.objects["trainjobs"], 5)


def test_a_cancelled_launcher_deletes_its_job(serve, job_of, start):
    api = serve("2.2", script=slow)
    api.go_on = False
    process, log = start(api, job_of(nodes=2))
    wait_until(lambda: "line 3" in log.read_text() or process.poll() is not None, 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143, log.read_text()
    assert "cancelled, the job is deleted" in log.read_text()
    assert len(api.deleted) == 1
    wait_until(lambda: not api.objects["trainjobs"] and not api.objects["pods"], 5)


def test_a_failure_ends_the_process_with_its_lines(serve, job_of, start):
    def script(api, job):
        play = Play(api, job)
        pod = play.pod()
        play.run(pod)
        play.end(pod, 1, "Killed by something")
        play.fail()

    process, log = start(serve("2.2", script=script), job_of())
    assert process.wait(60) == 1
    assert "train: 1 problem" in log.read_text() or "train: 2 problems" in log.read_text()
    assert "Killed by something" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_what_the_cluster_does_not_serve_is_said(serve, job_of, start):
    process, log = start(serve("pytorchjob"), job_of())
    assert process.wait(60) == 1
    assert (
        "does not serve trainjobs.trainer.kubeflow.org/v1alpha1; set launcher: pytorchjob" in log.read_text()
    )
