"""The train step as a pipeline sees it."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import tiny_config, write_digits

from kubepresso.data import PreparedDataset
from kubepresso.errors import UserError
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
    manifest = load_manifest(tmp_path / "model")
    assert run.data.tags["kubepresso.config_digest"] == manifest.lineage["config_digest"]
    assert run.data.tags["kubepresso.dataset_digest"] == PreparedDataset.open(prepared).digest
    assert run.data.tags["kubepresso.bundle_digest"] == manifest.digest()
    assert "kubepresso.parent_digest" not in run.data.tags
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"bundle", "epochs.csv", "training_summary.json"}
    bundle = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "bundle")}
    assert bundle == {path.name for path in (tmp_path / "model").iterdir()}
    assert {path.name for path in tmp_path.iterdir() if "model" in path.name} == {"model"}


@pytest.mark.timeout(120)
def test_a_retraining_shows_its_own_settings_and_its_parent(prepared, good_bundle, tmp_path, client):
    config = tiny_config(training__retraining={"epochs": 1, "optimizer": {"lr": 0.001}})
    train.run(config=config, dataset=prepared, model=tmp_path / "model", start=good_bundle)
    (run,) = client.search_runs(["1"])
    assert run.info.run_name == "retrain"
    assert (run.data.params["training.epochs"], run.data.params["training.optimizer.lr"]) == ("1", "0.001")
    assert run.data.tags["kubepresso.parent_digest"] == load_manifest(good_bundle).digest()


@pytest.mark.timeout(120)
def test_the_run_of_a_failed_training_says_what_the_first_failing_rank_said(tmp_path, client):
    # Rank 1 validates the second half of the images; rank 0 is ended by its failure.
    dataset = write_digits(tmp_path / "prepared", broken=50)
    config = tiny_config(environment__distributed={"processes_per_node": 2})
    with pytest.raises(UserError, match="rank 1 failed"):
        train.run(config=config, dataset=dataset, model=tmp_path / "model")
    (run,) = client.search_runs(["1"])
    assert run.info.status == "FAILED"
    assert run.data.tags["kubepresso.error"].startswith("rank 1 failed: UnidentifiedImageError")


def test_the_step_itself_imports_no_torch():
    code = "import sys, kubepresso.steps.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
