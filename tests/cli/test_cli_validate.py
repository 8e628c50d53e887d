"""The commands as a user types them: real processes, with the time they take and what they import."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPLETE = ROOT / "tests" / "config" / "classification.yaml"
COMMAND = str(Path(sys.executable).with_name("kubepresso"))


def kubepresso(*arguments, **environment):
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.fixture
def six_files(tmp_path):
    folder = tmp_path / "config"
    shutil.copytree(
        ROOT / "examples" / "digits", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    return folder


def test_ok_says_what_was_read(six_files):
    done = kubepresso("validate", six_files)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == f"{six_files}: ok"
    assert lines[1].split() == [
        "modules",
        "data,",
        "augmentation,",
        "model,",
        "training,",
        "logging,",
        "environment",
    ]
    assert lines[2].split() == ["task", "classification"]
    assert lines[3].split() == ["model", "resnet18"]
    assert lines[4].split()[1].startswith("sha256:")


def test_the_digest_follows_the_values(six_files):
    def digest(*overrides):
        return kubepresso("validate", six_files, *overrides).stdout.splitlines()[4]

    assert digest() == digest()
    assert digest("training.optimizer.lr=0.3") != digest()


def test_problems_are_all_printed_and_the_status_is_1(six_files):
    (six_files / "data.yaml").unlink()
    training = six_files / "training.yaml"
    training.write_text(training.read_text().replace("epochs: 8", "epoch: 8", 1))
    done = kubepresso("validate", six_files, "environment.batch_size=0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == f"{six_files} is not valid: 3 problems"
    assert lines[1] == f"  {six_files}: data: module missing; add data.yaml with the key data"
    assert lines[2].startswith(f"  {training}:2:3: training.epoch: unknown key; allowed: epochs,")
    assert lines[3] == (
        "  override 'environment.batch_size=0': environment.batch_size: must be at least 1, found 0"
    )


def test_warnings_are_printed_and_pass():
    done = kubepresso("validate", COMPLETE, "training.epochs=80")
    assert done.returncode == 0
    assert done.stderr == (
        f"warning: {COMPLETE}:17:298: training.scheduler.end_epoch: "
        "90 is after the last epoch and is taken as 80\n"
    )


@pytest.mark.parametrize("uri", ["/nowhere", "s3://", "http://x/y", "/etc/passwd", "/dev/null"])
def test_bad_places_end_plainly(uri):
    done = kubepresso("validate", uri)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert uri in done.stderr


def test_a_bucket_that_does_not_answer_ends_plainly():
    began = time.monotonic()
    done = kubepresso(
        "validate",
        "s3://bucket/config",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
    )
    assert done.returncode == 1
    assert "s3://bucket/config (endpoint http://127.0.0.1:1): the endpoint does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 20


def test_validate_answers_at_once(six_files):
    """By the processor's time: what the clock shows where nothing else runs."""
    kubepresso("validate", six_files)  # so that the files of Python are compiled

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert kubepresso("validate", six_files).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.7


@pytest.mark.parametrize("arguments", [["validate", str(COMPLETE)], ["schema"], ["--help"]])
def test_heavy_libraries_stay_out(arguments):
    program = (
        "import sys\n"
        "from kubepresso.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "known = {'torch', 'torchvision', 'boto3', 'botocore', 'kfp', 'mlflow', 'numpy', 'pyarrow'}\n"
        "heavy = known & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_schema_is_json():
    whole = json.loads(kubepresso("schema").stdout)
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert list(whole["properties"]) == [
        "data",
        "augmentation",
        "model",
        "training",
        "logging",
        "environment",
    ]
    data = json.loads(kubepresso("schema", "--module", "data").stdout)
    assert list(data["properties"]) == ["data"]
    done = kubepresso("schema", "--module", "dta")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_help_lists_the_commands():
    done = kubepresso("--help")
    assert done.returncode == 0
    assert "validate" in done.stdout
    assert "schema" in done.stdout


def test_what_cannot_be_trained_yet_is_listed_and_is_no_error(six_files):
    model = six_files / "model.yaml"
    text = model.read_text()
    assert "name: fc" in text
    model.write_text(text.replace("name: fc", "name: fc_conv"))
    done = kubepresso("validate", six_files)
    assert done.returncode == 0
    assert done.stderr == ""
    line = text[: text.index("name: fc")].count("\n") + 1
    title, listed = done.stdout.splitlines()[-2:]
    assert title == "cannot be trained yet:"
    assert listed.startswith(f"  {model}:{line}:")
    assert listed.endswith(
        "model.architecture.head.name: the head fc_conv has no implementation yet; there is fc"
    )
