"""Pruning removes whole channels, the weakest ones, everywhere they are used, and nothing else."""

import copy

import pytest
import torch
from architectures import MOBILENETS, NAMES, enliven, images, model_config, tiny_config
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kubepresso.compression import compress
from kubepresso.compression.methods.pr_l2 import kept_channels
from kubepresso.config.model import Compression
from kubepresso.errors import UserError
from kubepresso.export import load_graph, measure_cost, save_graph, trace
from kubepresso.export.onnx import export_onnx
from kubepresso.export.parity import onnx_difference
from kubepresso.models import Bundle, BundleManifest, build_model

SIZE = (32, 32)
MANIFEST = BundleManifest(name="network", task="classification", classes=list("0123456789"), input_size=SIZE)


def bundle_of(model, tmp_path, size=SIZE):
    manifest = MANIFEST.model_copy(update={"input_size": size})
    return Bundle(trace(model).eval(), manifest, tmp_path)


@pytest.fixture(scope="module")
def networks():
    """Each network once; ``compress`` must not change what it is given."""
    torch.manual_seed(0)
    return {name: enliven(build_model(model_config(name), 10)).eval() for name in NAMES}


def silence(model, ratio, round_to, final):
    """Make exactly the trailing channels of every layer worthless: zero in their output and unread after it.

    Layers that are tied together are equally wide, so the same channels are silent in all of them.
    """
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if path != final:
                keep = kept_channels(module.weight.shape[0], ratio, round_to)
                module.weight.data[keep:] = 0
                if module.bias is not None:
                    module.bias.data[keep:] = 0
            depthwise = isinstance(module, nn.Conv2d) and module.groups > 1
            if not depthwise and module.weight.shape[1] > 3:
                module.weight.data[:, kept_channels(module.weight.shape[1], ratio, round_to) :] = 0
        elif isinstance(module, nn.BatchNorm2d):
            keep = kept_channels(module.num_features, ratio, round_to)
            module.weight.data[keep:] = 0
            module.bias.data[keep:] = 0
    return model


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("resnet18", 0.3),
        ("resnet18", 0.7),
        ("resnet50", 0.5),
        ("mobilenet_v3_small", 0.3),
        ("mobilenet_v3_small", 0.7),
        ("mobilenet_v3_large", 0.5),
    ],
)
def test_without_its_silent_channels_a_network_says_the_same(networks, tmp_path, name, ratio):
    final = "head.classifier.3" if name in MOBILENETS else "head.classifier.1"
    model = silence(copy.deepcopy(networks[name]), ratio, 8, final)
    pruned, _ = compress(bundle_of(model, tmp_path), Compression(ratio=ratio))
    with torch.no_grad():
        expected = model(images(2, 32))
        torch.testing.assert_close(
            pruned(images(2, 32)), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item()
        )
    for path, tensor in pruned.state_dict().items():
        if tensor.ndim:
            original = model.state_dict()[path]
            leading = original[tuple(slice(size) for size in tensor.shape)]
            assert torch.equal(tensor, leading), path


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "mobilenet_v3_large"])
def test_each_layer_has_the_channels_that_the_ratio_says(networks, tmp_path, name):
    graph, report = compress(bundle_of(networks[name], tmp_path), Compression(ratio=0.5, round_to=8))
    *hidden, last = report.layers
    for layer in hidden:
        assert layer.after.out_channels == kept_channels(layer.before.out_channels, 0.5, 8), layer
    assert last.after.out_channels == 10
    for path, module in graph.named_modules():
        if isinstance(module, nn.Conv2d):
            shape = (module.out_channels, module.in_channels // module.groups, *module.kernel_size)
            assert module.weight.shape == shape, path
        elif isinstance(module, nn.Linear):
            assert module.weight.shape == (module.out_features, module.in_features)
        elif isinstance(module, nn.BatchNorm2d):
            assert module.running_mean.shape == (module.num_features,)


def test_a_ratio_of_one_half_leaves_less_than_half_of_resnet18(networks, tmp_path):
    bundle = bundle_of(networks["resnet18"], tmp_path)
    before = {name: value.clone() for name, value in bundle.graph.state_dict().items()}
    graph, report = compress(bundle, Compression(ratio=0.5))
    assert report.before == measure_cost(bundle.graph, SIZE)
    assert report.after == measure_cost(graph, SIZE)
    assert report.after.macs <= 0.5 * report.before.macs
    assert sum(layer.after.macs for layer in report.layers) == report.after.macs
    assert all(torch.equal(before[name], value) for name, value in bundle.graph.state_dict().items())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_a_pruned_graph_is_saved_loaded_trained_and_exported(networks, tmp_path, name):
    pruned, _ = compress(bundle_of(networks[name], tmp_path), Compression(ratio=0.5))
    save_graph(tmp_path, pruned)
    graph = load_graph(tmp_path)
    with torch.no_grad():
        assert torch.equal(graph(images(2, 32)), pruned(images(2, 32)))
    graph.train()
    labels = torch.tensor([0, 1, 2, 3])
    optimizer = torch.optim.SGD(graph.parameters(), 0.002)
    losses = []
    for _ in range(4):
        loss = nn.functional.cross_entropy(graph(images(4, 32)), labels)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in graph.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    export_onnx(graph.eval(), tmp_path / "pruned.onnx", SIZE, 17)
    export_onnx(networks[name], tmp_path / "whole.onnx", SIZE, 17)
    largest = graph(images(3, 32)).abs().max().item()
    assert onnx_difference(graph, tmp_path / "pruned.onnx", images(3, 32)) < 1e-5 * largest
    sizes = [(tmp_path / file).stat().st_size for file in ("pruned.onnx", "whole.onnx")]
    assert sizes[0] < 0.35 * sizes[1]


def test_the_weakest_channels_go(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.Flatten(), nn.Linear(8 * 4, 10)).eval()
    strength = torch.tensor([5.0, 1, 6, 2, 7, 3, 8, 4])
    model[0].weight.data = strength.reshape(8, 1, 1, 1) * torch.ones(8, 3, 1, 1)
    nn.init.constant_(model[2].weight, 0.01)
    pruned, _ = compress(bundle_of(model, tmp_path, (2, 2)), Compression(ratio=0.5, round_to=1))
    assert torch.equal(pruned.get_submodule("0").weight[:, 0, 0, 0], torch.tensor([5.0, 6, 7, 8]))
    assert pruned.get_submodule("2").in_features == 4 * 4


class Grouped(nn.Module):
    """A grouped convolution, a group norm, a concatenation and a shortcut."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.grouped = nn.Conv2d(32, 32, 3, padding=1, groups=4)
        self.norm = nn.GroupNorm(4, 32)
        self.side = nn.Conv2d(32, 16, 1)
        self.final = nn.Conv2d(48, 10, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = self.norm(self.grouped(x)) + x
        return torch.flatten(self.pool(self.final(torch.cat([x, self.side(x)], 1))), 1)


def test_groups_stay_equal_and_the_output_whole(tmp_path):
    pruned, _ = compress(bundle_of(Grouped().eval(), tmp_path), Compression(ratio=0.5, round_to=8))
    grouped = pruned.get_submodule("grouped")
    assert (grouped.in_channels, grouped.out_channels, grouped.groups) == (16, 16, 4)
    assert pruned.get_submodule("side").out_channels == 8
    assert pruned.get_submodule("final").weight.shape == (10, 24, 1, 1)
    save_graph(tmp_path, pruned)
    assert load_graph(tmp_path)(images(2, 32)).shape == (2, 10)


def test_ignored_layers_keep_their_outputs_and_with_them_all_that_is_tied(networks, tmp_path):
    settings = Compression(ratio=0.5, ignore_layers=["backbone.stages.0.*", "*.3.1.conv1.conv"])
    _, report = compress(bundle_of(networks["resnet18"], tmp_path), settings)
    changes = {layer.path: layer for layer in report.layers}
    kept = {
        path for path, change in changes.items() if change.after.out_channels == change.before.out_channels
    }
    # The stem's channels are added to those of the first stage.
    stage = {path for path in changes if path.startswith("backbone.stages.0.")}
    assert kept == stage | {"backbone.conv1.conv", "backbone.stages.3.1.conv1.conv", "head.classifier.1"}


def test_a_pattern_that_matches_nothing_is_named(networks, tmp_path):
    settings = Compression(ignore_layers=["backbone.stage.*", "backbone.conv1.*", "nope"])
    with pytest.raises(UserError, match="ignore_layers") as error:
        compress(bundle_of(networks["resnet18"], tmp_path), settings)
    assert [problem.split()[1] for problem in error.value.problems] == ["backbone.stage.*", "nope"]


def test_settings_that_remove_nothing_are_refused(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    with pytest.raises(UserError, match="removes nothing"):
        compress(bundle_of(model, tmp_path), Compression(ratio=0.5, round_to=8))


@given(channels=st.integers(1, 3000), ratio=st.floats(0.01, 0.99), round_to=st.integers(1, 64))
def test_kept_channels_are_the_nearest_multiple(channels, ratio, round_to):
    kept = kept_channels(channels, ratio, round_to)
    assert 1 <= kept <= channels
    if kept < channels and kept > round_to:
        assert kept % round_to == 0
        assert abs(kept - channels * (1 - ratio)) <= round_to / 2 + 1e-6
    if round_to <= channels:
        assert kept >= round_to


@pytest.mark.parametrize(
    ("channels", "kept"), [(24, 8), (40, 16), (64, 32), (16, 8), (8, 8), (3, 3), (88, 40)]
)
def test_an_exact_half_goes_down(channels, kept):
    assert kept_channels(channels, 0.5, 8) == kept


def test_a_tiny_mobilenet_can_be_pruned_twice(tmp_path):
    model = enliven(build_model(tiny_config(), 10)).eval()
    once, first = compress(bundle_of(model, tmp_path), Compression(ratio=0.4, round_to=4))
    save_graph(tmp_path, once)
    again = Bundle(load_graph(tmp_path), MANIFEST, tmp_path)
    twice, second = compress(again, Compression(ratio=0.4, round_to=4))
    assert second.before == first.after
    assert second.after.macs < 0.6 * second.before.macs
    assert twice(images(2, 32)).shape == (2, 10)
