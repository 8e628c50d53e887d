"""What ``init`` wrote runs as it is: data and recipes of every task, and training of what can be trained."""

import pytest
import small_sets
from click.testing import CliRunner

from kubepresso.cli import main
from kubepresso.config import load_config
from kubepresso.data import PreparedDataset
from kubepresso.errors import UserError
from kubepresso.models import load_manifest
from kubepresso.scaffold import init_project
from kubepresso.steps import resolve, train
from kubepresso.steps.preparing import prepare

QUICK = ("augmentation.checks.samples=2",)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch, store):
    monkeypatch.chdir(tmp_path)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "build",
    [small_sets.csv_table, small_sets.yolo, small_sets.masks, small_sets.keypoints_text],
    ids=["classification", "detection", "segmentation", "pose_estimation"],
)
def test_data_and_recipes_of_every_task(tmp_path, build):
    project = init_project(str(build(tmp_path / "pantry")), tmp_path / "config")
    prepared = prepare("config", QUICK)
    home = tmp_path / "outputs" / "pantry" / "prepared"
    assert {path.name for path in home.iterdir()} == {
        "dataset",
        "data_report.html",
        "augmentation_report.html",
    }
    assert prepared.dataset == home / "dataset"
    data = PreparedDataset.open(prepared.dataset)
    assert data.manifest.task == project.survey.task
    assert list(data.classes) == list(project.survey.classes)
    assert {name: split.count for name, split in data.manifest.splits.items()} == project.survey.counts


@pytest.mark.timeout(200)
def test_a_training_of_one_epoch(tmp_path):
    init_project(str(small_sets.class_folders(tmp_path / "pantry", size=(32, 32))), tmp_path / "config")
    overrides = ("training.epochs=1", "training.scheduler.warmup_epochs=0", "environment.num_workers=0")
    prepared = prepare("config", (*QUICK, *overrides))
    views = resolve.run(config_uri="config", overrides=overrides).views
    train.run(config=views["train"], dataset=prepared.dataset, model=tmp_path / "model")
    manifest = load_manifest(tmp_path / "model")
    assert list(manifest.classes) == small_sets.CLASSES
    assert tuple(manifest.input_size) == (32, 32)


@pytest.mark.parametrize(
    ("side", "name", "millions"),
    [
        (32, "resnet14_small_images", 2.8),
        (64, "resnet18_small_images", 11.2),
        (128, "mobilenet_v3_small", 1.5),
    ],
)
def test_the_networks_of_classification_can_be_built(tmp_path, side, name, millions):
    from kubepresso.models import build_model

    init_project(str(small_sets.class_folders(tmp_path / "pantry", size=(side, side))), tmp_path / "config")
    config = load_config("config")
    assert config.model.name == name
    model = build_model(config.model, num_classes=3)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions
    text = " ".join((tmp_path / "config" / "model.yaml").read_text().split())
    assert f"{millions} M parameters" in text


def test_the_steps_stand_in_one_run_of_the_tracking_store(tmp_path, client):
    init_project(str(small_sets.csv_table(tmp_path / "pantry")), tmp_path / "config")
    prepare("config", QUICK, tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "dataset" / "manifest.json").is_file()
    experiment = client.get_experiment_by_name("pantry")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    steps = {name for name in runs if name in ("prepare_dataset", "validate_augmentation")}
    assert steps == {"prepare_dataset", "validate_augmentation"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len({runs[name].data.tags["mlflow.parentRunId"] for name in steps}) == 1


def test_refused_data_leave_a_report_and_the_data_of_before(tmp_path):
    root = small_sets.csv_table(tmp_path / "pantry")
    init_project(str(root), tmp_path / "config")
    before = PreparedDataset.open(prepare("config", QUICK).dataset).digest
    (root / "images" / "train" / "train_0.png").write_bytes(b"no image")
    report = tmp_path / "outputs" / "pantry" / "prepared" / "data_report.html"
    report.unlink()
    with pytest.raises(UserError, match=r"train_0\.png"):
        prepare("config", QUICK)
    assert "train_0.png" in report.read_text()
    assert PreparedDataset.open(report.parent / "dataset").digest == before


def test_the_command_says_where_everything_is(tmp_path):
    root = small_sets.yolo(tmp_path / "pantry")
    init_project(str(root), tmp_path / "config")
    arguments = ["prepare", "config", *QUICK, "--output", "made"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.stderr
    assert "6 train, 3 valid" in done.stdout
    assert str(tmp_path / "made" / "augmentation_report.html") in done.stdout
    (root / "labels" / "train" / "0.txt").write_text("7 0.5 0.5 0.1 0.1")
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1
    assert isinstance(refused.exception, SystemExit)
    assert "labels/train/0.txt" in refused.stderr
