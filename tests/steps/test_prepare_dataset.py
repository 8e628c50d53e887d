import json
import os
import subprocess
import sys

import pytest

from kubepresso.data import PreparedDataset
from kubepresso.errors import UserError
from kubepresso.steps import prepare_dataset
from kubepresso.storage import put_folder


def view(root, **checks):
    return json.dumps(
        {"data": {"name": "digits", "task": "classification", "path": {"root": str(root)}, "checks": checks}}
    )


@pytest.fixture
def few_digits(all_digits, tmp_path):
    """Ten training and three validation images a class, as class folders."""
    for split, count in (("train", 10), ("valid", 3)):
        for folder in sorted((all_digits / split).iterdir()):
            target = tmp_path / "few" / split / folder.name
            target.mkdir(parents=True)
            for file in sorted(folder.iterdir())[:count]:
                (target / file.name).write_bytes(file.read_bytes())
    return tmp_path / "few"


def run(tmp_path, config):
    return prepare_dataset.run(
        config=config, data_digest="sha256:0", dataset=tmp_path / "dataset", report=tmp_path / "report.html"
    )


def test_digits_are_prepared_with_a_report(few_digits, tmp_path):
    summary = run(tmp_path, view(few_digits))
    assert summary.counts == {"train": 100, "valid": 30}
    assert summary.classes[:3] == ["0_zero", "1_one", "2_two"]
    assert summary.metrics()["train_images"] == 100
    opened = PreparedDataset.open(tmp_path / "dataset")
    opened.verify()
    assert opened.digest == summary.digest
    page = (tmp_path / "report.html").read_text()
    assert summary.digest in page
    assert page.count("data:image/png;base64,") == 80
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_same_data_gives_the_same_bytes(few_digits, tmp_path):
    first = run(tmp_path, view(few_digits))
    content = {file.name: file.read_bytes() for file in (tmp_path / "dataset").iterdir()}
    assert run(tmp_path, view(few_digits)) == first
    assert {file.name: file.read_bytes() for file in (tmp_path / "dataset").iterdir()} == content


def test_an_image_cut_in_half_refuses_and_keeps_what_was_there(few_digits, tmp_path):
    before = run(tmp_path, view(few_digits)).digest
    victim = next((few_digits / "train" / "3_three").iterdir())
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"train/3_three/{victim.name}: cannot be decoded"):
        run(tmp_path, view(few_digits))
    assert PreparedDataset.open(tmp_path / "dataset").digest == before
    assert "The data was refused" in (tmp_path / "report.html").read_text()
    summary = run(tmp_path, view(few_digits, corrupt_images="skip"))
    assert summary.skipped == 1
    assert summary.counts["train"] == 99


def test_data_in_a_bucket_gives_the_same_digest(few_digits, tmp_path, bucket):
    expected = run(tmp_path, view(few_digits)).digest
    put_folder(few_digits, f"{bucket}/digits")
    assert run(tmp_path, view(f"{bucket}/digits")).digest == expected


def test_the_step_loads_no_torch():
    code = (
        "import sys, kubepresso.steps.prepare_dataset; "
        "print([name for name in ('torch', 'mlflow', 'datasets') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "[]"


def execute(tmp_path, config, dataset):
    """Run the step in a process of its own, as a component does."""
    code = "import json, sys; from kubepresso.steps import execute; execute(**json.loads(sys.argv[1]))"
    arguments = {
        "step": "prepare_dataset",
        "config": config,
        "data_digest": "sha256:0",
        "dataset": str(dataset),
        "report": str(tmp_path / "report.html"),
    }
    command = [sys.executable, "-c", code, json.dumps(arguments)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in result.stderr
    assert not dataset.exists()
    return result.returncode, result.stderr


def test_the_process_tells_a_label_out_of_range_and_an_image_cut_in_half(
    few_digits, tmp_path, silent_tracking
):
    images = sorted((few_digits / "train" / "3_three").iterdir())
    lines = [f"{image.name},{12 if index == 4 else 0}" for index, image in enumerate(images)]
    (few_digits / "train.csv").write_text("\n".join(["image_id,class", *lines, ""]))
    config = json.loads(view(few_digits))
    config["data"]["path"]["train"] = {"image": "train/3_three", "label": "train.csv"}
    config["data"]["id_mapping"] = ["three"]
    images[7].write_bytes(images[7].read_bytes()[: images[7].stat().st_size // 2])
    status, output = execute(tmp_path, json.dumps(config), tmp_path / "dataset")
    assert status == 1
    assert "train.csv:6: class 12 is out of range, allowed 0 to 0" in output
    assert "or leave them out with data.checks.invalid_labels: skip" in output
    assert f"train/3_three/{images[7].name}: cannot be decoded" in output
    assert "fix: repair or remove them, or leave them out with data.checks.corrupt_images: skip" in output
    assert "prepare_dataset: 2 problems" in output
    assert f"report: {tmp_path / 'report.html'}" in output
    assert (tmp_path / "report.html").exists()


def test_the_process_tells_a_full_disk(few_digits, tmp_path, silent_tracking):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, timeout=20).returncode:
        pytest.skip("mounting a small file system needs root and the permission to")
    try:
        status, output = execute(tmp_path, view(few_digits), disk / "dataset")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=20)
    assert status == 1
    assert str(disk / "dataset") in output
    assert "the disk is full; free space or choose another folder" in output
