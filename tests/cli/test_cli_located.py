"""What a step finds in the data has the line of the key, in ``prepare`` and in ``run``."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from kubepresso.cli.located import LocatedOutput
from kubepresso.config import load_config

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("kubepresso"))
SAID = "data.id_mapping: {folder}/images/classes.json holds neither a list nor an object of names"


@pytest.fixture
def project(tmp_path):
    """Six files for a data set whose class names are no names."""
    shutil.copytree(ROOT / "examples" / "digits", tmp_path / "config", ignore=shutil.ignore_patterns("*.py"))
    (tmp_path / "config" / "data.yaml").write_text(
        "data:\n  task: classification\n  path: {root: images}\n\n  id_mapping: classes.json\n"
    )
    for name in ("train/a/1.png", "train/b/2.png"):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True)
        Image.new("RGB", (32, 32), (len(name), 9, 9)).save(file)
    (tmp_path / "images" / "classes.json").write_text("3")
    return tmp_path


def kubepresso(folder, *arguments):
    return subprocess.run(
        [COMMAND, *arguments, "logging.output_dir=out"],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")},
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_prepare_names_the_line(project):
    done = kubepresso(project, "prepare", "config")
    assert done.returncode == 1
    assert f"  config/data.yaml:5:15: {SAID.format(folder=project)}" in done.stderr.splitlines(), done.stderr


def test_run_names_the_line_in_the_words_of_the_step(project):
    done = kubepresso(project, "run", "config")
    assert done.returncode == 1
    shown = done.stdout.splitlines()
    assert f"    config/data.yaml:5:15: {SAID.format(folder=project)}" in shown, done.stdout + done.stderr


def test_only_what_stands_below_the_title_of_problems_is_changed(project):
    out = io.StringIO()
    located = LocatedOutput(out, load_config(str(project / "config")))
    lines = [
        "  data.name: before any title",
        "  training: 1 problem",
        "    training: the loss became nan",
        "    data.name: odd",
        "  data.name: after them",
    ]
    for line in lines:
        located.write(f"{line}\n")
    place = project / "config"
    lines[2] = f"    {place}/training.yaml:2:3: training: the loss became nan"
    lines[3] = f"    {place}/data.yaml:2:3: data.name: odd"
    assert out.getvalue().splitlines() == lines
