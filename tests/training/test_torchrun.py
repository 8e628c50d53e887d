"""The documented command: torchrun, and nothing of ours around it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import tiny_config, write_digits


@pytest.mark.timeout(120)
def test_the_command_works_by_itself_and_says_what_is_wrong(tmp_path):
    dataset = write_digits(tmp_path / "prepared")
    config = tmp_path / "config.yaml"
    config.write_text(tiny_config(training__epochs=1, environment__num_workers=1))
    arguments = ["-m", "kubepresso.training", "--config", config, "--dataset", dataset]
    arguments += ["--output", tmp_path / "model"]

    def run(*command):
        environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)

    torchrun = Path(sys.executable).with_name("torchrun")
    done = run(torchrun, "--standalone", "--nproc-per-node", "1", *arguments)
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1*" in done.stdout
    assert (tmp_path / "model" / "manifest.json").is_file()

    refused = run(sys.executable, *arguments, "--start-from", tmp_path / "nothing")
    assert refused.returncode == 1
    assert f"{tmp_path}/nothing/manifest.json: cannot be read" in refused.stderr
    assert "Traceback" not in refused.stderr
