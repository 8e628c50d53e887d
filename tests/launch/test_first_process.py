"""In a container a training pod's process is the first one, number 1, to which orphans are given."""

import os
import signal
import subprocess

import pytest
from processes import descendants, wait_until
from tiny_training import tiny_config

from kubepresso.exit_codes import RESUME_EXIT_CODE

pytestmark = pytest.mark.timeout(120)
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture
def start(pods, digits, tmp_path):
    """Start a pod as the first process of its own; its model and checkpoints go to the test's folder."""
    if subprocess.run([*CONTAINER, "true"], timeout=20, check=False, capture_output=True).returncode:
        pytest.skip("no process may be made the first one here: that needs namespaces")
    places = [f"--dataset={digits}", f"--output={tmp_path}/model", f"--checkpoints={tmp_path}/checkpoints"]
    return lambda epochs: pods(
        places, container=CONTAINER, KUBEPRESSO_CONFIG=tiny_config(training__epochs=epochs)
    )


def test_a_pod_trains_to_its_model(start, tmp_path):
    pod = start(epochs=2)
    assert pod.wait(100) == 0, pod.log.read_text()
    assert (tmp_path / "model" / "manifest.json").is_file()


def test_a_pod_that_is_asked_to_end_saves_and_says_so(start, tmp_path):
    pod = start(epochs=400)
    wait_until(lambda: "epoch 2/" in pod.log.read_text() or pod.process.poll() is not None, 90)
    found = descendants(pod.process.pid)
    (first,) = [pid for pid, line in found.items() if "kubepresso.launch.pod" in line]
    os.kill(first, signal.SIGTERM)
    assert pod.wait(60) == RESUME_EXIT_CODE, pod.log.read_text()
    assert list(tmp_path.glob("checkpoints/*/state-*"))
