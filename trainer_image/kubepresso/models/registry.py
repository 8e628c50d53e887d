"""Backbones and heads by the name that ``architecture.backbone.name`` and ``architecture.head.name`` give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from kubepresso.errors import UserError

BACKBONES: dict[str, type[nn.Module]] = {}
HEADS: dict[str, type[nn.Module]] = {}

_Part = TypeVar("_Part", bound=type[nn.Module])


def register_backbone(name: str) -> Callable[[_Part], _Part]:
    """Register a class built as ``cls(params, stage_params)`` that has ``feature_channels: list[int]``.

    Its forward takes images [N, 3, H, W] and returns one feature map [N, C, h, w] a stage, the deepest last.
    """
    return _registrar(BACKBONES, name)


def register_head(name: str) -> Callable[[_Part], _Part]:
    """Register a class built as ``cls(params, feature_channels, num_classes)``; its forward takes maps."""
    return _registrar(HEADS, name)


def _registrar(parts: dict[str, type[nn.Module]], name: str) -> Callable[[_Part], _Part]:
    def register(part: _Part) -> _Part:
        if name in parts:
            raise ValueError(f"{name} is registered twice: {parts[name]} and {part}")
        parts[name] = part
        return part

    return register


def find_part(parts: dict[str, type[nn.Module]], name: str, key: str) -> Any:
    """Return the class registered under ``name``.

    Raises:
        UserError: There is none; names the YAML ``key`` and what is allowed.
    """
    if name not in parts:
        raise UserError(f"{key}: {name} is not available, allowed: {', '.join(sorted(parts))}")
    return parts[name]
