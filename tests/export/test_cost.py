"""Counts against published and independently computed figures."""

import pytest
import torch
import torch_pruning
from architectures import model_config
from torch import nn

from kubepresso.export import measure_cost, measure_macs, trace
from kubepresso.models import build_model

# Published for 224x224 images, in millions.
PUBLISHED = {
    "resnet18": (1814, 1820),
    "resnet50": (4089, 4120),
    "mobilenet_v3_large": (216, 220),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_macs_are_the_published_ones(name):
    macs = measure_cost(trace(build_model(model_config(name), 1000)), (224, 224)).macs
    lowest, highest = PUBLISHED[name]
    assert lowest * 10**6 <= macs <= highest * 10**6


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_parameters_and_macs_agree_with_another_counter(name):
    model = build_model(model_config(name), 10).eval()
    cost = measure_cost(model, (64, 64))
    macs, parameters = torch_pruning.utils.count_ops_and_params(model, torch.zeros(1, 3, 64, 64))
    assert cost.parameters == parameters
    # The other counter adds norms, activations, pooling and biases.
    assert 0.9 * macs <= cost.macs <= macs


def test_a_layer_by_hand_and_one_called_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
            self.first = nn.Conv2d(3, 4, 1)
            self.up = nn.ConvTranspose2d(4, 6, 2, stride=2)

        def forward(self, x):
            return self.up(self.conv(self.conv(self.first(x))))

    macs = measure_macs(Twice(), (5, 7))
    assert macs == {"first": 5 * 7 * 4 * 3, "conv": 2 * 5 * 7 * 4 * (2 * 9), "up": 5 * 7 * 4 * 6 * 4}
    assert list(macs) == ["first", "conv", "up"]


def test_counting_leaves_the_network_as_it_was():
    model = build_model(model_config("mobilenet_v3_small"), 10).train()
    model.head.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure_cost(model, (32, 32))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.backbone.training
    assert not model.head.training
