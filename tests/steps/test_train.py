"""The train step as a pipeline sees it."""

import subprocess
import sys

import pytest
from tiny_training import tiny_config

from kubepresso.models import load_manifest
from kubepresso.steps import train


@pytest.mark.timeout(120)
def test_a_training_ends_as_a_bundle_a_summary_and_a_run_with_curves(prepared, tmp_path, client):
    summary = train.run(config=tiny_config(), dataset=prepared, model=tmp_path / "model")
    (run,) = client.search_runs(["1"])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "train")
    assert run.data.params["training.optimizer.name"] == "sgd"
    curve = client.get_metric_history(run.info.run_id, "valid_top1_accuracy")
    assert [point.step for point in curve] == [1, 2]
    metrics = summary.metrics()
    assert metrics["epochs"] == 2
    assert metrics["valid_loss"] == load_manifest(tmp_path / "model").metrics["valid_loss"]
    assert metrics["valid_top1_accuracy"] in {point.value for point in curve}
    assert metrics["images_per_second"] > 0


def test_the_step_itself_imports_no_torch():
    code = "import sys, kubepresso.steps.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
