"""Compress as a step: a bundle in, a smaller bundle and a report out, or a clear refusal and nothing."""

import subprocess
import sys

import pytest
import torch
from architectures import enliven, images, tiny_config

from kubepresso.errors import UserError
from kubepresso.export.parity import onnx_difference
from kubepresso.models import BundleManifest, build_model, load_bundle, save_bundle
from kubepresso.steps import compress

CONFIG = """
model:
  task: classification
  name: tiny
  architecture:
    backbone: {name: resnet, stage_params: [{channels: 8, num_blocks: 1}]}
    head: {name: fc}
  compression: {ratio: %s, round_to: 8}
"""


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("parent") / "model"
    manifest = BundleManifest(
        name="tiny",
        task="classification",
        classes=["cat", "dog", "<owl>"],
        input_size=(32, 32),
        preprocessing=[{"name": "totensor", "pixel_range": 1.0}],
        lineage={"dataset_digest": "sha256:d", "config_digest": "sha256:c"},
        metrics={"valid_top1_accuracy": 0.9},
    )
    save_bundle(folder, enliven(build_model(tiny_config(), 3)), manifest, onnx_opset=13)
    return folder


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")


def run(parent, folder, ratio=0.5):
    return compress.run(
        config=CONFIG % ratio, model=parent, compressed=folder / "model", report=folder / "report.html"
    )


def test_the_result_is_a_smaller_bundle_like_any_other(parent, tmp_path):
    summary = run(parent, tmp_path)
    before, after = load_bundle(parent), load_bundle(tmp_path / "model")
    assert after.manifest.digest() == summary.digest != before.manifest.digest()
    assert after.manifest.metrics == {}
    assert after.manifest.lineage == {
        "dataset_digest": "sha256:d",
        "config_digest": "sha256:c",
        "parent": before.manifest.digest(),
        "method": "PR_L2",
        "ratio": 0.5,
    }
    for key in ("name", "task", "classes", "input_size", "preprocessing", "onnx_opset"):
        assert getattr(after.manifest, key) == getattr(before.manifest, key)
    assert after.onnx.stat().st_size < 0.4 * before.onnx.stat().st_size
    largest = after.graph(images(2, 32)).abs().max().item()
    assert onnx_difference(after.graph, after.onnx, images(2, 32)) < 1e-5 * largest
    metrics = summary.metrics()
    assert metrics["macs"] == after.manifest.macs < metrics["macs_before"] / 2
    assert metrics["parameters_left"] == after.manifest.parameters / before.manifest.parameters
    assert all(isinstance(value, int | float) for value in metrics.values())


def test_the_report_lists_every_layer(parent, tmp_path):
    run(parent, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count('<td class="mono">') == 12
    assert "backbone.stages.1.1.conv" in page
    assert "32 → 16" in page
    assert load_bundle(tmp_path / "model").manifest.digest() in page


def test_a_compressed_bundle_can_be_compressed_again(parent, tmp_path):
    first = run(parent, tmp_path / "first", 0.3)
    second = run(tmp_path / "first" / "model", tmp_path / "second", 0.3)
    assert second.macs[0] == first.macs[1] > second.macs[1]
    assert load_bundle(tmp_path / "second" / "model").manifest.lineage["parent"] == first.digest


def test_the_same_inputs_give_the_same_model(parent, tmp_path):
    assert run(parent, tmp_path / "first") == run(parent, tmp_path / "second")


def test_a_half_written_bundle_is_refused_and_nothing_is_left(parent, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in parent.iterdir():
        if path.name != "manifest.json":
            (broken / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="a model bundle is expected here"):
        run(broken, tmp_path / "out")
    (broken / "manifest.json").write_bytes((parent / "manifest.json").read_bytes())
    (broken / "weights.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="incomplete or altered"):
        run(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_view_without_the_model_module_is_refused(parent, tmp_path):
    with pytest.raises(UserError, match="no module model"):
        compress.run(
            config="environment: {seed: 1}", model=parent, compressed=tmp_path / "m", report=tmp_path / "r"
        )


def test_the_step_imports_neither_torchvision_nor_mlflow_nor_kfp():
    code = "import sys, kubepresso.steps.compress; print({'torchvision', 'mlflow', 'kfp'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "set()"
