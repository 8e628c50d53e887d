"""Weights to start from: files, bundles, public weights; and what is said when they do not fit."""

import hashlib
import http.server
import pickle
import threading

import pytest
import torch
import torchvision
from architectures import enliven, images, model_config
from safetensors.torch import save_file

from kubepresso.errors import UserError
from kubepresso.models import BundleManifest, build_model, pretrained, save_bundle

NAME = "mobilenet_v3_small"


def config(path=None, load_head=True, name=NAME):
    checkpoint = {"use_pretrained": True, "load_head": load_head, "path": path and str(path)}
    return model_config(name, checkpoint=checkpoint)


@pytest.fixture
def source():
    torch.manual_seed(5)
    return enliven(build_model(model_config(NAME), 10)).eval()


def outputs(model):
    with torch.no_grad():
        return model.eval()(images())


def test_safetensors_give_the_same_network(source, tmp_path):
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    assert torch.equal(outputs(build_model(config(tmp_path / "weights.safetensors"), 10)), outputs(source))


def test_names_of_netspresso_trainer_and_of_ddp_are_understood(source, tmp_path):
    theirs = {
        "module." + key.replace(".conv.", ".block.conv.").replace(".norm.", ".block.norm."): value
        for key, value in source.state_dict().items()
    }
    assert "module.backbone.stages.1.0.block.1.block.conv.weight" in theirs
    save_file(theirs, tmp_path / "weights.safetensors")
    assert torch.equal(outputs(build_model(config(tmp_path / "weights.safetensors"), 10)), outputs(source))


def test_a_bundle_gives_the_same_network(source, tmp_path):
    manifest = BundleManifest(
        name=NAME, task="classification", classes=list("0123456789"), input_size=(64, 64)
    )
    save_bundle(tmp_path / "bundle", source, manifest)
    assert torch.equal(outputs(build_model(config(tmp_path / "bundle"), 10)), outputs(source))


def test_without_the_head_the_number_of_classes_may_differ(source, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(source.state_dict(), path)
    model = build_model(config(path, load_head=False), 3)
    assert torch.equal(
        model.state_dict()["backbone.conv_first.conv.weight"], source.backbone.conv_first.conv.weight
    )
    with pytest.raises(UserError, match="load_head: false") as error:
        build_model(config(path), 3)
    assert len(error.value.problems) == 3


def test_weights_of_another_network_are_refused_with_every_difference(source, tmp_path):
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="weights are of another network") as error:
        build_model(config(tmp_path / "weights.safetensors", name="mobilenet_v3_large"), 10)
    assert len(error.value.problems) > 10


def test_a_pickled_state_dict_is_read_and_a_pickled_model_is_not(source, tmp_path):
    torch.save({"state_dict": source.state_dict()}, tmp_path / "weights.pth")
    assert torch.equal(outputs(build_model(config(tmp_path / "weights.pth"), 10)), outputs(source))
    torch.save(source, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"could run code.*save_file"):
        build_model(config(tmp_path / "model.pt"), 10)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_that_runs_code_does_not_run_it(tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Touch(tmp_path / "ran")}))
    with pytest.raises(UserError):
        build_model(config(tmp_path / "evil.pth"), 10)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [0, 5, 2000])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_cut_file_is_named(source, tmp_path, suffix, kept):
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pth":
        torch.save(source.state_dict(), path)
    else:
        save_file(source.state_dict(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=f"weights.{suffix}"):
        build_model(config(path), 10)


@pytest.mark.parametrize("name", ["nowhere.safetensors", "no-bundle", "model.onnx"])
def test_what_is_not_there_is_named_with_what_is_allowed(tmp_path, name):
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(UserError, match=f"model.checkpoint.path: .*{name}") as error:
        build_model(config(tmp_path / name), 10)
    assert "the folder of a model bundle" in str(error.value)


def test_a_path_that_is_not_read_is_said(source, tmp_path, caplog):
    checkpoint = {"use_pretrained": False, "path": str(tmp_path / "weights.safetensors")}
    build_model(model_config(NAME, checkpoint=checkpoint), 10)
    assert "is not read" in caplog.text


class Files(http.server.BaseHTTPRequestHandler):
    """Gives the content of ``content``; the first ``failures`` requests fail with status 503."""

    content = b""
    failures = 0

    def do_GET(self):
        if type(self).failures:
            type(self).failures -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def public_weights(tmp_path, monkeypatch):
    """A server that offers torchvision's network with random weights under its hash."""
    theirs = enliven(torchvision.models.mobilenet_v3_small(weights=None)).eval()
    torch.save(theirs.state_dict(), tmp_path / "file")
    Files.content, Files.failures = (tmp_path / "file").read_bytes(), 0
    name = f"{NAME}-{hashlib.sha256(Files.content).hexdigest()[:8]}.pth"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setitem(pretrained.PRETRAINED_FILES, NAME, name)
    monkeypatch.setattr(pretrained, "_PAUSE_SECONDS", 0)
    monkeypatch.setenv("KUBEPRESSO_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    yield theirs, tmp_path / "cache" / "hub" / "checkpoints" / name, server
    server.shutdown()
    server.server_close()


def test_public_weights_are_fetched_once_in_spite_of_failures(public_weights):
    theirs, cached, server = public_weights
    Files.failures = 2
    assert torch.equal(outputs(build_model(config(), 1000)), outputs(theirs))
    assert cached.is_file()
    server.shutdown()
    assert torch.equal(outputs(build_model(config(), 1000)), outputs(theirs))


def test_an_altered_download_leaves_nothing_behind(public_weights):
    _, cached, _ = public_weights
    Files.content = Files.content[:-100]
    with pytest.raises(UserError, match="SHA-256"):
        build_model(config(), 1000)
    assert not list(cached.parent.iterdir())


def test_offline_says_what_to_set(public_weights):
    _, _, server = public_weights
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"use_pretrained: false.*model\.checkpoint\.path"):
        build_model(config(), 1000)


def test_a_name_without_public_weights_is_refused():
    keys = model_config(NAME).model_dump() | {"name": "mine", "checkpoint": {"use_pretrained": True}}
    with pytest.raises(UserError, match="no pretrained weights are known for mine"):
        build_model(type(model_config(NAME)).model_validate(keys), 10)
