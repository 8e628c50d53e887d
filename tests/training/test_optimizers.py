"""Optimizers against torch's own, and what goes into which group."""

import copy

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from kubepresso.config.training import Optimizer
from kubepresso.errors import UserError
from kubepresso.training.optimizers.build import build_optimizer, parameter_groups

ENTRIES = {
    "adamw": ({"betas": [0.8, 0.99]}, torch.optim.AdamW),
    "adam": ({"betas": [0.8, 0.99]}, torch.optim.Adam),
    "adamax": ({"betas": [0.8, 0.99]}, torch.optim.Adamax),
    "adadelta": ({"rho": 0.8}, torch.optim.Adadelta),
    "adagrad": ({"lr_decay": 0.1}, torch.optim.Adagrad),
    "rmsprop": ({"alpha": 0.9, "momentum": 0.5, "eps": 1e-6}, torch.optim.RMSprop),
    "sgd": ({"momentum": 0.9, "nesterov": True}, torch.optim.SGD),
}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(16, 8), nn.LayerNorm(8), nn.Linear(8, 2))


def config(name="sgd", **values):
    return TypeAdapter(Optimizer).validate_python({"name": name, "lr": 0.01, "weight_decay": 0.1, **values})


@pytest.mark.parametrize("name", ENTRIES)
def test_five_steps_as_torch(name):
    values, reference_class = ENTRIES[name]
    torch.manual_seed(0)
    net = Net()
    reference_net = copy.deepcopy(net)
    optimizer = build_optimizer(net, config(name, **values))
    reference = reference_class(
        reference_net.parameters(), lr=0.01, weight_decay=0.1, **values, foreach=False
    )
    for _ in range(5):
        for ours, theirs in zip(net.parameters(), reference_net.parameters(), strict=True):
            ours.grad = torch.randn_like(ours)
            theirs.grad = ours.grad.clone()
        optimizer.step()
        reference.step()
    for ours, theirs in zip(net.parameters(), reference_net.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def groups_by_name(**values):
    groups = parameter_groups(Net(), config(**values))
    return {name: (group["lr"], group["weight_decay"]) for group in groups for name in group["names"]}


def test_no_decay_on_biases_and_on_norm_weights_by_the_kind_of_module():
    found = groups_by_name(no_bias_decay=True, no_norm_weight_decay=True)
    without = {name for name, (_, decay) in found.items() if decay == 0}
    assert without == {
        "backbone.0.bias", "backbone.1.weight", "backbone.1.bias",
        "head.0.bias", "head.1.weight", "head.1.bias", "head.2.bias",
    }  # fmt: skip


def test_overwrite_changes_one_part_and_inherits_the_rest():
    found = groups_by_name(overwrite=[{"param_group": "head", "lr": 0.5, "no_bias_decay": True}])
    assert found["backbone.0.bias"] == (0.01, 0.1)
    assert found["head.0.weight"] == (0.5, 0.1)
    assert found["head.0.bias"] == (0.5, 0.0)


def test_a_part_that_the_model_lacks_is_named():
    with pytest.raises(UserError, match="neck has no parameters in this model, allowed backbone, head"):
        groups_by_name(overwrite=[{"param_group": "neck", "lr": 0.5}])


def test_a_model_with_nothing_to_train_is_refused():
    with pytest.raises(UserError, match="freeze_backbone"):
        parameter_groups(Net().requires_grad_(False), config())
