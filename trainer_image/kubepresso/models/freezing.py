"""Keep the backbone as it is while the rest trains."""

from __future__ import annotations

from typing import Any

from torch import nn


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """A batch normalisation that stays in evaluation mode, so that its running statistics do not move."""

    def train(self, mode: bool = True) -> FrozenBatchNorm2d:
        """Stay in evaluation mode whatever ``mode`` says."""
        super().train(False)
        return self


def freeze_backbone(model: Any) -> None:
    """Fix the parameters and the running statistics of ``model.backbone``.

    Args:
        model: A built network or a traced graph; it is changed in place.
    """
    model.backbone.requires_grad_(False)
    for module in model.backbone.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = FrozenBatchNorm2d
            module.train(False)
