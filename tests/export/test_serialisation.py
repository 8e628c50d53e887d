"""A graph as data computes what the network computes, to the bit."""

import copy

import pytest
import torch
from architectures import NAMES, enliven, images, model_config, resnet
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kubepresso.config import ModelConfig
from kubepresso.errors import UserError
from kubepresso.export import load_graph, save_graph, trace
from kubepresso.models import build_model, freeze_backbone


def saved(model, folder):
    folder.mkdir(exist_ok=True)
    save_graph(folder, trace(model))
    return load_graph(folder)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_tensor_names_are_the_same(name, tmp_path):
    model = enliven(build_model(model_config(name), 10)).eval()
    graph = saved(model, tmp_path)
    assert list(graph.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        assert torch.equal(graph(images()), model(images()))


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request):
    """Kernels differ between one thread and several, and with them what can go wrong."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@given(
    block=st.sampled_from(["basicblock", "bottleneck"]),
    channels=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    flags=st.fixed_dictionaries(
        {"split_stem_conv": st.booleans(), "first_stage_shortcut_conv": st.booleans()}
    ),
    stage=st.fixed_dictionaries(
        {"replace_stride_with_pooling": st.booleans(), "replace_stride_with_dilation": st.booleans()}
    ),
    layers=st.integers(1, 3),
    act=st.sampled_from([None, "prelu", "gelu", "silu", "leaky_relu", "relu6"]),
)
@settings(max_examples=20, deadline=None)
def test_any_resnet_survives(tmp_path_factory, block, channels, flags, stage, layers, act):
    architecture = resnet(block, channels, [1] * len(channels), **flags)
    for entry in architecture["backbone"]["stage_params"][1:]:
        entry |= stage
    head = {"num_layers": layers, "intermediate_channels": 7, "act_type": act, "dropout_prob": 0.5}
    architecture["head"]["params"] = head
    config = {"task": "classification", "name": "any", "architecture": architecture}
    model = enliven(build_model(ModelConfig.model_validate(config), 3)).eval()
    graph = saved(model, tmp_path_factory.mktemp("graph"))
    with torch.no_grad():
        assert torch.equal(graph(images(size=32)), model(images(size=32)))


def test_a_loaded_graph_trains_like_the_network(tmp_path):
    config = model_config("mobilenet_v3_small").model_dump()
    config["architecture"]["head"]["params"]["dropout_prob"] = 0.5
    model = enliven(build_model(ModelConfig.model_validate(config), 10))
    graph = saved(model, tmp_path)
    assert not graph.training
    states = []
    for network in (model, graph):
        network.train()
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        torch.manual_seed(3)  # of dropout
        nn.functional.cross_entropy(network(images(4)), torch.tensor([0, 1, 2, 3])).backward()
        optimizer.step()
        states.append(network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_saving_a_loaded_graph_writes_the_same_bytes(tmp_path):
    graph = saved(enliven(build_model(model_config("mobilenet_v3_small"), 10)), tmp_path / "first")
    saved(graph, tmp_path / "second")
    for name in ("graph.json", "weights.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_frozen_network_is_saved_as_a_plain_one(tmp_path):
    model = build_model(model_config("mobilenet_v3_small"), 10)
    plain = saved(copy.deepcopy(model), tmp_path / "plain")
    freeze_backbone(model)
    loaded = saved(model, tmp_path / "frozen")
    assert (tmp_path / "plain" / "graph.json").read_bytes() == (
        tmp_path / "frozen" / "graph.json"
    ).read_bytes()
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert type(plain.get_submodule("backbone.conv_first.norm")) is nn.BatchNorm2d


class Loose(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.lstm = nn.LSTM(3, 3)

    def forward(self, x):
        return torch.fft.fft(self.lstm(x)[0] * self.scale).sinc()


def test_everything_that_cannot_be_data_is_named_at_once(tmp_path):
    with pytest.raises(UserError) as error:
        save_graph(tmp_path, trace(Loose()))
    text = str(error.value)
    assert "scale is a loose tensor" in text
    assert "fft" in text
    assert "method sinc" in text


def test_a_module_outside_the_vocabulary_is_named(tmp_path):
    with pytest.raises(UserError, match="0: a module of LSTM cannot be written as data"):
        save_graph(tmp_path, trace(nn.Sequential(nn.LSTM(3, 3))))


def test_a_forward_that_depends_on_values_is_refused():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(UserError, match="Branching: its forward cannot be traced"):
        trace(Branching())


class Everything(nn.Module):
    """One of each kind of node and argument that later tasks need."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 4, 2, 2, output_padding=1, groups=2)
        self.norm = nn.GroupNorm(2, 4)
        self.token = nn.LayerNorm(4)
        self.linear = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        x = self.norm(self.up(x))
        x = nn.functional.interpolate(x, scale_factor=(0.5, 0.5), mode="bilinear", align_corners=False)
        left, right = torch.chunk(x, 2, dim=1)
        x = torch.cat(
            [
                right,
                left,
            ],
            dim=1,
        )[:, :, 1:, ::2]
        tokens = self.linear(self.token(x.flatten(2).transpose(1, 2)))
        attended = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return {"pred": (attended, x.mean((2, 3), keepdim=True) - 1.5), "size": x.size(0)}


def test_every_kind_of_argument_survives(tmp_path):
    model = Everything().eval()
    graph = saved(model, tmp_path)
    x = torch.randn(2, 4, 8, 8)
    expected, found = model(x), graph(x)
    assert torch.equal(found["pred"][0], expected["pred"][0])
    assert torch.equal(found["pred"][1], expected["pred"][1])
    assert found["size"] == 2
