"""The ``model`` modules of our networks, as a user would write them, and lively values for their tensors."""

import torch
from torch import nn

from kubepresso.config import ModelConfig

RESNETS = {
    "resnet18": ("basicblock", [2, 2, 2, 2]),
    "resnet34": ("basicblock", [3, 4, 6, 3]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
}
# A row a block: input, kernel, expanded, output, gate, activation, stride.
MOBILENETS = {
    "mobilenet_v3_small": (
        [
            [(16, 3, 16, 16, True, "relu", 2)],
            [(16, 3, 72, 24, False, "relu", 2), (24, 3, 88, 24, False, "relu", 1)],
            [
                (24, 5, 96, 40, True, "hard_swish", 2),
                (40, 5, 240, 40, True, "hard_swish", 1),
                (40, 5, 240, 40, True, "hard_swish", 1),
                (40, 5, 120, 48, True, "hard_swish", 1),
                (48, 5, 144, 48, True, "hard_swish", 1),
            ],
            [
                (48, 5, 288, 96, True, "hard_swish", 2),
                (96, 5, 576, 96, True, "hard_swish", 1),
                (96, 5, 576, 96, True, "hard_swish", 1),
            ],
        ],
        1024,
    ),
    "mobilenet_v3_large": (
        [
            [
                (16, 3, 16, 16, False, "relu", 1),
                (16, 3, 64, 24, False, "relu", 2),
                (24, 3, 72, 24, False, "relu", 1),
            ],
            [
                (24, 5, 72, 40, True, "relu", 2),
                (40, 5, 120, 40, True, "relu", 1),
                (40, 5, 120, 40, True, "relu", 1),
            ],
            [
                (40, 3, 240, 80, False, "hard_swish", 2),
                (80, 3, 200, 80, False, "hard_swish", 1),
                (80, 3, 184, 80, False, "hard_swish", 1),
                (80, 3, 184, 80, False, "hard_swish", 1),
                (80, 3, 480, 112, True, "hard_swish", 1),
                (112, 3, 672, 112, True, "hard_swish", 1),
            ],
            [
                (112, 5, 672, 160, True, "hard_swish", 2),
                (160, 5, 960, 160, True, "hard_swish", 1),
                (160, 5, 960, 160, True, "hard_swish", 1),
            ],
        ],
        1280,
    ),
}
NAMES = [*RESNETS, *MOBILENETS]
_COLUMNS = (
    "in_channels",
    "kernel_sizes",
    "expanded_channels",
    "out_channels",
    "use_se",
    "act_type",
    "stride",
)


def resnet(block_type, channels, blocks, **params):
    """Return the ``architecture`` of a ResNet."""
    stages = [{"channels": c, "num_blocks": b} for c, b in zip(channels, blocks, strict=True)]
    backbone = {"name": "resnet", "params": {"block_type": block_type, **params}, "stage_params": stages}
    return {"backbone": backbone, "head": {"name": "fc", "params": None}}


def mobilenet(stages, intermediate_channels):
    """Return the ``architecture`` of a MobileNetV3 from rows."""
    lists = [dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) for rows in stages]
    head = {"num_layers": 2, "intermediate_channels": intermediate_channels, "act_type": "hard_swish"}
    return {
        "backbone": {"name": "mobilenetv3", "params": None, "stage_params": lists},
        "head": {"name": "fc", "params": head},
    }


def architecture(name):
    """Return the ``architecture`` of a network of ``NAMES``."""
    if name in RESNETS:
        return resnet(RESNETS[name][0], [64, 128, 256, 512], RESNETS[name][1])
    return mobilenet(*MOBILENETS[name])


def model_config(name, **keys):
    """Return the ``model`` module of a network of ``NAMES``; ``keys`` are added or replaced."""
    content = {"task": "classification", "name": name, "architecture": architecture(name), **keys}
    return ModelConfig.model_validate(content)


def tiny_config():
    """Return the ``model`` module of a MobileNetV3 of two blocks, for what any network shows."""
    stages = [[(16, 3, 32, 16, True, "hard_swish", 1)], [(16, 3, 48, 24, False, "relu", 2)]]
    content = {"task": "classification", "name": "tiny", "architecture": mobilenet(stages, 64)}
    return ModelConfig.model_validate(content)


def enliven(model, seed=0):
    """Give norms and biases random values, so that every tensor matters to the output; return the model."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.5, 0.5, generator=generator)
            module.running_mean.uniform_(-0.5, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
        elif isinstance(module, nn.Linear):
            module.weight.data.normal_(0, 0.1, generator=generator)
            module.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return model


def images(count=2, size=64, seed=1):
    """Return random images [count, 3, size, size]."""
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))
