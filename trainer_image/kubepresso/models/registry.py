"""Backbones and heads by the name that ``architecture.backbone.name`` and ``architecture.head.name`` give."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from kubepresso.registry import Registry

BACKBONES: Registry[Callable[..., nn.Module]] = Registry("kubepresso.models.backbones")
"""Classes built as ``cls(params, stage_params)`` that have ``feature_channels: list[int]``.

Their forward takes images [N, 3, H, W] and returns one feature map [N, C, h, w] a stage, the deepest last.
"""

HEADS: Registry[Callable[..., nn.Module]] = Registry("kubepresso.models.heads")
"""Classes built as ``cls(params, feature_channels, num_classes)``; their forward takes the maps."""
