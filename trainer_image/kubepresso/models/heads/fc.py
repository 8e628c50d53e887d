"""The classification head: global average pooling and fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kubepresso.config.model.heads import FCParams
from kubepresso.errors import UserError
from kubepresso.models.layers import ACTIVATIONS
from kubepresso.models.registry import HEADS


@HEADS.register("fc")
class FC(nn.Module):
    """Logits [N, num_classes] from the deepest feature map.

    Args:
        params: ``num_layers``, and for more than one ``intermediate_channels`` and ``act_type``;
            ``dropout_prob`` before the last layer.
        feature_channels: Channels of each feature map, the deepest last.
        num_classes: Logits an image.
    """

    def __init__(self, params: FCParams, feature_channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        if params.num_layers > 1 and params.intermediate_channels is None:
            raise UserError(
                "model.architecture.head.params.intermediate_channels: null, "
                f"but num_layers: {params.num_layers} needs a number"
            )
        channels = feature_channels[-1]
        layers: list[nn.Module] = []
        for _ in range(params.num_layers - 1):
            act = ACTIVATIONS[params.act_type]() if params.act_type else nn.Identity()
            layers += [nn.Linear(channels, params.intermediate_channels or 0), act]
            channels = params.intermediate_channels or 0
        layers += [nn.Dropout(params.dropout_prob), nn.Linear(channels, num_classes)]
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(*layers)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Map feature maps [N, C, h, w] to logits [N, num_classes]."""
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(features[-1]), 1))
        return logits
