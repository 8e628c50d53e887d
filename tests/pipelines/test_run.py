"""The whole pipeline on this machine: run, run again, run with one pixel changed, run with bad input."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from PIL import Image

CONFIG = """
data:
  name: few-digits
  task: classification
  format: local
  path: {{root: {root}, train: {{image: train}}, valid: {{image: valid}}}}
augmentation:
  train: &recipe
    - {{name: totensor, pixel_range: 1.0}}
    - {{name: normalize, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}}
  inference: *recipe
model:
  task: classification
  name: tiny
  checkpoint: {{use_pretrained: false}}
  architecture:
    backbone:
      name: resnet
      params: {{block_type: basicblock, norm_type: batch_norm}}
      stage_params: [{{channels: 16, num_blocks: 1}}, {{channels: 32, num_blocks: 1}}]
    head: {{name: fc, params: {{num_layers: 1}}}}
  losses: [{{criterion: cross_entropy}}]
training:
  epochs: 2
  optimizer: {{name: sgd, lr: 0.05, momentum: 0.9}}
  scheduler: {{name: step, iters_per_phase: 1, gamma: 0.5, end_epoch: 2}}
logging:
  project_id: few-digits
  output_dir: {output}
  model_save_options: {{save_best_only: true, sample_input_size: [32, 32], validation_epoch: 1}}
environment: {{seed: 1, num_workers: 0, batch_size: 16}}
"""
READS_DATA = {
    "prepare-dataset",
    "validate-augmentation",
    "train",
    "evaluate original",
    "evaluate compressed",
    "retrain",
    "evaluate retrained",
    "promote",
}


PROGRAM = str(Path(sys.executable).with_name("kubepresso"))


def environment():
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "KUBEPRESSO_"))}
    return own | {"OMP_NUM_THREADS": "2"}


def kubepresso(*arguments, cwd, timeout=280):
    return subprocess.run(
        [PROGRAM, *arguments], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=timeout
    )


def lines_until(line, *arguments, cwd):
    """What a run says until it has said a line; it is ended there, with its steps."""
    said = []
    run = subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    limit = threading.Timer(200, os.killpg, (run.pid, signal.SIGKILL))
    limit.start()
    try:
        for text in run.stdout:
            said.append(text.rstrip("\n"))
            if said[-1] == line:
                break
    finally:
        limit.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    return said


def some_digits(source: Path, target: Path) -> None:
    """Copy 10 training and 4 validation images of each class."""
    for split, count in (("train", 10), ("valid", 4)):
        for folder in sorted((source / split).iterdir()):
            place = target / split / folder.name
            place.mkdir(parents=True)
            for image in sorted(folder.iterdir())[:count]:
                (place / image.name).write_bytes(image.read_bytes())


@pytest.fixture(scope="module")
def project(tmp_path_factory, all_digits):
    folder = tmp_path_factory.mktemp("project")
    some_digits(all_digits, folder / "digits")
    (folder / "all.yaml").write_text(CONFIG.format(root=folder / "digits", output=folder / "outputs"))
    return folder


@pytest.fixture(scope="module")
def first(project):
    run = kubepresso("run", "all.yaml", cwd=project)
    assert run.returncode == 0, run.stdout + run.stderr
    return run


def cached(run) -> set[str]:
    return _after("= ", run)


def executed(run) -> set[str]:
    return _after("< ", run)


def _after(mark, run) -> set[str]:
    return {line[2:].split(":")[0] for line in run.stdout.splitlines() if line.startswith(mark)}


def test_it_ends_with_a_table_and_what_to_open(first, project):
    for stage in ("original", "compressed", "retrained"):
        assert any(line.split()[:1] == [stage] for line in first.stdout.splitlines()), first.stdout
    for report in (project / "outputs" / "reports").glob("*.html"):
        assert "<html" in report.read_text()
    assert len(list((project / "outputs" / "reports").glob("*.html"))) == 7


def test_mlflow_has_a_parent_a_child_for_each_step_and_a_champion(first, project):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("few-digits")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == 10
    assert int(client.get_model_version_by_alias("few-digits", "champion").version) == 1


def test_nothing_changed_means_nothing_runs_again(first, project):
    again = kubepresso("run", "all.yaml", cwd=project)
    assert again.returncode == 0, again.stdout + again.stderr
    assert executed(again) == {"resolve"}
    assert cached(again) == executed(first) - {"resolve"}


def test_a_key_of_the_gate_runs_the_gate_alone(first, project):
    again = kubepresso("run", "all.yaml", "logging.promotion.max_drop=0.5", cwd=project)
    assert again.returncode == 0, again.stdout + again.stderr
    assert executed(again) == {"resolve", "promote"}
    assert len(cached(again)) == 8


@pytest.fixture
def one_pixel_changed(first, project):
    image = next((project / "digits" / "train").rglob("*.png"))
    kept = image.read_bytes()
    with Image.open(image) as picture:
        changed = picture.copy()
    changed.putpixel((0, 0), (changed.getpixel((0, 0)) + 1) % 256)
    changed.save(image)
    yield
    image.write_bytes(kept)


def test_one_pixel_changed_prepares_and_trains_again(one_pixel_changed, project):
    """What follows takes this data set and this model; the slow test waits for it."""
    said = lines_until("> train", "run", "all.yaml", cwd=project)
    assert said[-1] == "> train", "\n".join(said)
    assert not [line for line in said if line.startswith("= ")], "nothing of it is taken from the cache"


@pytest.mark.slow
def test_one_pixel_changed_runs_all_that_reads_data(one_pixel_changed, project):
    again = kubepresso("run", "all.yaml", cwd=project)
    assert again.returncode == 0, again.stdout + again.stderr
    assert executed(again) >= READS_DATA
    assert not cached(again) & READS_DATA


def test_a_wrong_configuration_ends_before_any_step(project, tmp_path):
    config = yaml.safe_load((project / "all.yaml").read_text())
    config["training"]["optimizer"]["lrr"] = config["training"]["optimizer"].pop("lr")
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(config))
    run = kubepresso("run", str(tmp_path / "wrong.yaml"), cwd=tmp_path)
    assert run.returncode == 1
    assert "lrr" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not executed(run)


def test_an_image_cut_in_half_ends_the_run_in_plain_words(tmp_path, all_digits, empty_database):
    some_digits(all_digits, tmp_path / "digits")
    image = next((tmp_path / "digits" / "train").rglob("*.png"))
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    (tmp_path / "outputs").mkdir()
    shutil.copyfile(empty_database, tmp_path / "outputs" / "mlflow.db")
    (tmp_path / "all.yaml").write_text(CONFIG.format(root=tmp_path / "digits", output=tmp_path / "outputs"))
    run = kubepresso("run", "all.yaml", cwd=tmp_path)
    assert run.returncode == 1
    assert image.name in run.stdout
    assert run.stdout.count("> prepare-dataset") == 1, "bad data is not tried again"
    assert "prepare-dataset failed" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not list((tmp_path / "outputs").rglob("*.parquet"))
