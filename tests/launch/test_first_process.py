"""In a container a training pod's process is the first one, number 1, to which orphans are given."""

import os
import signal
import subprocess
import sys

import pytest
from processes import descendants, end, wait_until
from tiny_training import tiny_config

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.pod_contract import CONFIG_VARIABLE, SCRATCH_VARIABLE, TERMINATION_VARIABLE

pytestmark = pytest.mark.timeout(120)
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture
def start(digits, tmp_path):
    """Start a pod as the first process of its own; its model and checkpoints go to the test's folder."""
    if subprocess.run([*CONTAINER, "true"], timeout=20, check=False, capture_output=True).returncode:
        pytest.skip("no process may be made the first one here: that needs namespaces")
    started = []

    def pod(epochs):
        own = {
            CONFIG_VARIABLE: tiny_config(training__epochs=epochs),
            SCRATCH_VARIABLE: str(tmp_path / "scratch"),
            TERMINATION_VARIABLE: str(tmp_path / "termination-log"),
            "OMP_NUM_THREADS": "1",
        }
        places = [
            f"--dataset={digits}",
            f"--output={tmp_path}/model",
            f"--checkpoints={tmp_path}/checkpoints",
        ]
        log = tmp_path / "log"
        with log.open("w") as output:
            command = [*CONTAINER, sys.executable, "-m", "kubepresso.launch.pod", *places]
            process = subprocess.Popen(
                command, env={**os.environ, **own}, stdout=output, stderr=subprocess.STDOUT
            )
        started.append(process)
        return process, log

    yield pod
    for process in started:
        end(process.pid)
        process.kill()
        process.wait()


def test_a_pod_trains_to_its_model(start, tmp_path):
    process, log = start(epochs=2)
    assert process.wait(100) == 0, log.read_text()
    assert (tmp_path / "model" / "manifest.json").is_file()


def test_a_pod_that_is_asked_to_end_saves_and_says_so(start, tmp_path):
    process, log = start(epochs=400)
    wait_until(lambda: "epoch 2/" in log.read_text() or process.poll() is not None, 90)
    (first,) = [pid for pid, line in descendants(process.pid).items() if "kubepresso.launch.pod" in line]
    os.kill(first, signal.SIGTERM)
    assert process.wait(60) == RESUME_EXIT_CODE, log.read_text()
    assert list(tmp_path.glob("checkpoints/*/state-*"))
