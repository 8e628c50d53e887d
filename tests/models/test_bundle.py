"""A bundle is whole and as it was written, or refused."""

import copy
import json
import os
import shutil
import subprocess

import pytest
import torch
from architectures import enliven, images, tiny_config

from kubepresso.errors import UserError
from kubepresso.models import BundleManifest, build_model, load_bundle, load_manifest, save_bundle

MANIFEST = BundleManifest(
    name="tiny",
    task="classification",
    classes=["cat", "dog", "owl"],
    input_size=(32, 48),
    preprocessing=[{"name": "resize", "size": [32, 48]}, {"name": "totensor", "pixel_range": 1.0}],
    lineage={"config_digest": "sha256:a", "dataset_digest": "sha256:b"},
    metrics={"valid_top1_accuracy": 0.5},
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return enliven(build_model(tiny_config(), 3)).train()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "bundle"
    return folder, save_bundle(folder, model, MANIFEST)


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved[0], tmp_path / "bundle")


def test_what_was_saved_comes_back(model, saved):
    folder, written = saved
    bundle = load_bundle(folder)
    assert bundle.manifest == written == load_manifest(folder)
    assert bundle.manifest.classes == MANIFEST.classes
    assert bundle.manifest.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert model.training, "saving must not change the model"
    with torch.no_grad():
        expected = model.eval()(images())
        model.train()
        assert torch.equal(bundle.graph(images()), expected)


def test_equal_models_have_equal_digests_and_others_do_not(model, saved, tmp_path):
    again = save_bundle(tmp_path / "again", model, MANIFEST.model_copy(update={"metrics": {}}))
    assert again.digest() == saved[1].digest()
    other_classes = MANIFEST.model_copy(update={"classes": ["cat", "owl", "dog"]})
    assert save_bundle(tmp_path / "classes", model, other_classes).digest() != saved[1].digest()


@pytest.mark.parametrize("name", ["graph.json", "weights.safetensors", "model.onnx", "model_fx.pt"])
def test_a_disk_that_is_full_at_any_file_is_named(model, saved, tmp_path, name):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    names = ["graph.json", "weights.safetensors", "model.onnx", "model_fx.pt"]
    before = sum((saved[0] / earlier).stat().st_size + 4096 for earlier in names[: names.index(name)])
    size = before + (saved[0] / name).stat().st_size // 2
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], timeout=20).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(UserError, match=r"/disk/.*: cannot write .*the disk is full"):
            save_bundle(disk / "bundle", model, MANIFEST)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True, timeout=20)


def test_half_precision_weights_are_stored_as_fp32(model, tmp_path):
    save_bundle(tmp_path / "bundle", copy.deepcopy(model).half(), MANIFEST)
    graph = load_bundle(tmp_path / "bundle").graph
    assert {p.dtype for p in graph.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["graph.json", "weights.safetensors", "model.onnx", "model_fx.pt"])
def test_an_altered_cut_or_missing_file_is_named(folder, name):
    content = (folder / name).read_bytes()
    altered = bytearray(content)
    altered[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(altered))
    with pytest.raises(UserError, match=f"{name}: its SHA-256"):
        load_bundle(folder)
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(UserError, match=f"{name}: .* bytes, the manifest says"):
        load_bundle(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name}: missing"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["dog", "cat", "owl"]},
        {"input_size": [64, 64]},
        {"preprocessing": []},
        {"files": {}},
        {"format": "kubepresso.bundle/2"},
        {"surprise": 1},
        {"files": {"../../etc/passwd": {"sha256": "0" * 64, "bytes": 1}}},
    ],
)
def test_an_altered_manifest_is_refused(folder, change):
    place = folder / "manifest.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | change))
    with pytest.raises(UserError, match=r"manifest\.json"):
        load_bundle(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "\x00"])
def test_a_manifest_that_is_none_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        load_bundle(folder)


def test_a_folder_without_a_manifest_is_refused(folder, tmp_path):
    (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match="a model bundle is expected here"):
        load_bundle(folder)
    with pytest.raises(UserError, match="a model bundle is expected here"):
        load_bundle(tmp_path / "nowhere")


def test_a_model_that_cannot_be_data_leaves_nothing_behind(tmp_path):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.fft.fft(x)

    with pytest.raises(UserError, match="cannot be written as data"):
        save_bundle(tmp_path / "bundle", Odd(), MANIFEST)
    assert not list(tmp_path.iterdir())
