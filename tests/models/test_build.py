"""The networks are those that their names promise."""

import pytest
import torch
import torchvision
from architectures import NAMES, enliven, images, model_config, resnet
from torch import nn

from kubepresso.config import ModelConfig
from kubepresso.errors import UserError
from kubepresso.models import build_model
from kubepresso.models.pretrained import names_for

MILLIONS = {
    "resnet18": 11.690,
    "resnet34": 21.798,
    "resnet50": 25.557,
    "mobilenet_v3_small": 2.543,
    "mobilenet_v3_large": 5.483,
}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_netspresso_trainer(name):
    model = build_model(model_config(name), 1000)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert round(millions, 3) == MILLIONS[name]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_torchvision_on_its_weights(name):
    theirs = enliven(getattr(torchvision.models, name)(weights=None)).eval()
    ours = build_model(model_config(name), 1000).eval()
    rename = names_for(name, ours)
    ours.load_state_dict({rename(key): value for key, value in theirs.state_dict().items()})
    with torch.no_grad():
        torch.testing.assert_close(ours(images()), theirs(images()), rtol=0, atol=0)


def test_start_weights_depend_on_the_seed_alone():
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build_model(model_config("mobilenet_v3_small"), 10).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["head.classifier.3.weight"], states[2]["head.classifier.3.weight"])


def test_the_signal_keeps_its_size_through_an_untrained_resnet():
    torch.manual_seed(0)
    model = build_model(model_config("resnet50"), 10).train()
    features = model.backbone(images(8))
    assert all(0.1 < feature.std() < 30 for feature in features)


@pytest.mark.parametrize(
    ("params", "stage", "size"),
    [
        ({"split_stem_conv": True}, {}, 2),
        ({"first_stage_shortcut_conv": True}, {}, 2),
        ({}, {"replace_stride_with_pooling": True}, 2),
        ({}, {"replace_stride_with_dilation": True}, 4),
        ({"norm_type": "instance_norm"}, {}, 2),
    ],
)
@pytest.mark.parametrize("block", ["basicblock", "bottleneck"])
def test_resnet_variants_give_maps_of_the_right_size(block, params, stage, size):
    architecture = resnet(block, [8, 16, 24, 32], [1, 1, 1, 1], **params)
    architecture["backbone"]["stage_params"][3] |= stage
    config = {"task": "classification", "name": "variant", "architecture": architecture}
    model = build_model(ModelConfig.model_validate(config), 5)
    deepest = model.backbone(images())[-1]
    assert deepest.shape == (2, 32 * (4 if block == "bottleneck" else 1), size, size)
    assert model(images()).shape == (2, 5)


def test_a_frozen_backbone_stays_as_it_is_while_the_head_learns():
    torch.manual_seed(0)
    model = build_model(model_config("mobilenet_v3_small", freeze_backbone=True), 10).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    nn.functional.cross_entropy(model(images(4)), torch.tensor([0, 1, 2, 3])).backward()
    optimizer.step()
    after = model.state_dict()
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"head"}


def test_blocks_that_do_not_fit_together_are_all_named():
    config = model_config("mobilenet_v3_small").model_dump(mode="json")
    stages = config["architecture"]["backbone"]["stage_params"]
    stages[1]["in_channels"][0] = 17
    stages[3]["in_channels"][2] = 95
    with pytest.raises(UserError) as error:
        build_model(ModelConfig.model_validate(config), 10)
    assert len(error.value.problems) == 2
    assert "stage_params[1].in_channels[0]: 17, but the block before gives 16" in error.value.problems[0]
