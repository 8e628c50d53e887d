"""Backbones, one model each: whole-network values in ``params``, one entry a stage in ``stage_params``."""

from __future__ import annotations

from typing import Annotated

from kubepresso.config.base import by_name
from kubepresso.config.model.backbones.fixed import CSPDarknet, ShuffleNetV2
from kubepresso.config.model.backbones.gelan import Gelan
from kubepresso.config.model.backbones.mixnet import MixNet
from kubepresso.config.model.backbones.mobilenetv3 import MobileNetV3, MobileNetV3Stage
from kubepresso.config.model.backbones.mobilenetv4 import MobileNetV4
from kubepresso.config.model.backbones.resnet import ResNet, ResNetParams, ResNetStage
from kubepresso.config.model.backbones.transformers import EfficientFormer, MixTransformer, MobileViT, ViT
from kubepresso.config.model.common import Activation, BackboneBase, Norm

__all__ = [
    "Activation",
    "Backbone",
    "BackboneBase",
    "CSPDarknet",
    "EfficientFormer",
    "Gelan",
    "MixNet",
    "MixTransformer",
    "MobileNetV3",
    "MobileNetV3Stage",
    "MobileNetV4",
    "MobileViT",
    "Norm",
    "ResNet",
    "ResNetParams",
    "ResNetStage",
    "ShuffleNetV2",
    "ViT",
]

Backbone = Annotated[
    ResNet
    | MobileNetV3
    | MobileNetV4
    | MixTransformer
    | MobileViT
    | ViT
    | EfficientFormer
    | CSPDarknet
    | ShuffleNetV2
    | MixNet
    | Gelan,
    *by_name(),
]
