"""The classification head: global average pooling and fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kubepresso.models.layers import ACTIVATIONS
from kubepresso.models.registry import register_head


@register_head("fc")
class FC(nn.Module):
    """Logits [N, num_classes] from the deepest feature map.

    Args:
        params: ``num_layers``, and for more than one ``intermediate_channels`` and ``act_type``;
            ``dropout_prob`` before the last layer.
        feature_channels: Channels of each feature map, the deepest last.
        num_classes: Logits an image.
    """

    def __init__(self, params: Any, feature_channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        channels = feature_channels[-1]
        layers: list[nn.Module] = []
        for _ in range(params.num_layers - 1):
            layers += [nn.Linear(channels, params.intermediate_channels), ACTIVATIONS[params.act_type]()]
            channels = params.intermediate_channels
        layers += [nn.Dropout(params.dropout_prob), nn.Linear(channels, num_classes)]
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(*layers)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(features[-1]), 1))
