"""Initial weights, drawn from torch's global generator in the order of the modules."""

from __future__ import annotations

from torch import nn


def initialise(model: nn.Module) -> None:
    """Draw convolutions from He's normal distribution (fan out, arXiv:1502.01852), linear from N(0, 0.01).

    The second number is the standard deviation. Biases start at 0 and normalisation at the identity.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
