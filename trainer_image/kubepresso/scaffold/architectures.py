"""The networks that a new project starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """A network and what it asks for.

    Args:
        name: ``model.name``; where public weights exist, the name they are fetched by.
        title: Said to a person.
        parts: ``model.architecture``.
        bytes_per_pixel: Memory that training takes for each pixel of an image, in fp32; an estimate.
        pixel_range: Greatest value of a pixel that it expects.
        normalize: Whether means are taken off.
        weights_megabytes: Size of the public start weights that are fetched by its name; None where there
            are none.
    """

    name: str
    title: str
    parts: dict[str, Any]
    bytes_per_pixel: int
    pixel_range: float = 1.0
    normalize: bool = True
    weights_megabytes: int | None = None


#: What every side of the input is a multiple of: the last stage of each network here is a 32nd of the input.
STRIDE = 32


def resnet18() -> Architecture:
    """ResNet-18 (He et al., 2015)."""
    stages = [{"channels": channels, "num_blocks": 2} for channels in (64, 128, 256, 512)]
    params = {"block_type": "basicblock", "norm_type": "batch_norm"}
    backbone = {"name": "resnet", "params": params, "stage_params": stages}
    parts = {"backbone": backbone, "head": {"name": "fc", "params": {"num_layers": 1, "dropout_prob": 0.0}}}
    return Architecture("resnet18", "ResNet-18, 11.2 M parameters", parts, 600, weights_megabytes=45)


def resnet_of_small_images(stages: int) -> Architecture:
    """ResNet with a stem of 3x3 convolutions (He et al., 2018), which takes less of a small image.

    Args:
        stages: Three, of 14 layers, or four, of 18.
    """
    channels = (64, 128, 256, 512)[:stages]
    backbone = {
        "name": "resnet",
        "params": {"block_type": "basicblock", "norm_type": "batch_norm", "split_stem_conv": True},
        "stage_params": [{"channels": width, "num_blocks": 2} for width in channels],
    }
    parts = {"backbone": backbone, "head": {"name": "fc", "params": {"num_layers": 1, "dropout_prob": 0.0}}}
    layers, millions = (14, "2.8") if stages == 3 else (18, "11.2")
    title = f"ResNet-{layers} with a stem for small images, {millions} M parameters"
    return Architecture(f"resnet{layers}_small_images", title, parts, 600)


def mobilenetv3_small() -> Architecture:
    """MobileNetV3-Small (Howard et al., 2019) with its classifier of two layers."""
    head = {
        "name": "fc",
        "params": {
            "num_layers": 2,
            "intermediate_channels": 1024,
            "act_type": "hard_swish",
            "dropout_prob": 0.2,
        },
    }
    parts = {"backbone": _mobilenetv3_small(), "head": head}
    return Architecture(
        "mobilenet_v3_small", "MobileNetV3-Small, 1.5 M parameters", parts, 500, weights_megabytes=10
    )


def yolox(size: str) -> Architecture:
    """YOLOX-Nano or -S (Ge et al., 2021).

    Args:
        size: ``nano`` or ``s``.
    """
    nano = size == "nano"
    depthwise = {"depthwise": True} if nano else {}
    shared = {**depthwise, "act_type": "silu"}
    width = 0.25 if nano else 0.5
    parts = {
        "backbone": {"name": "cspdarknet", "params": {**shared, "dep_mul": 0.33, "wid_mul": width}},
        "neck": {"name": "yolopafpn", "params": {**shared, "dep_mul": 0.33}},
        "head": {"name": "anchor_free_decoupled_head", "params": shared},
    }
    title = "YOLOX-Nano, 0.9 M parameters" if nano else "YOLOX-S, 9.0 M parameters"
    return Architecture(f"yolox_{size}", title, parts, 500 if nano else 1000, 255.0, normalize=False)


def segformer_b0(size: tuple[int, int]) -> Architecture:
    """SegFormer-B0 (Xie et al., 2021).

    Args:
        size: Height and width of the output.
    """
    widths = (32, 64, 160, 256)
    stages = [
        {
            "num_blocks": 2,
            "sequence_reduction_ratio": reduction,
            "attention_channels": width,
            "embedding_patch_sizes": 7 if index == 0 else 3,
            "embedding_strides": 4 if index == 0 else 2,
            "num_attention_heads": width // 32,
        }
        for index, (width, reduction) in enumerate(zip(widths, (8, 4, 2, 1), strict=True))
    ]
    backbone = {"name": "mixtransformer", "params": {"ffn_act_type": "gelu"}, "stage_params": stages}
    parts = {"backbone": backbone, "head": _all_mlp_decoder(size)}
    return Architecture("segformer_b0", "SegFormer-B0, 3.8 M parameters", parts, 1500)


def mobilenetv3_small_segmentation(size: tuple[int, int]) -> Architecture:
    """MobileNetV3-Small under SegFormer's decoder.

    Args:
        size: Height and width of the output.
    """
    parts = {"backbone": _mobilenetv3_small(), "head": _all_mlp_decoder(size)}
    title = "MobileNetV3-Small with an all-MLP decoder, 1.4 M parameters"
    return Architecture("mobilenet_v3_small", title, parts, 700)


def rtmpose(size: tuple[int, int]) -> Architecture:
    """RTMPose's head (Jiang et al., 2023) on MobileNetV3-Small.

    Args:
        size: Height and width of the input.
    """
    params = {
        "conv_kernel": 7,
        "attention_channels": 256,
        "s": 128,
        "expansion_factor": 2,
        "simcc_split_ratio": 2.0,
        "target_size": list(size),
        "backbone_stride": STRIDE,
    }
    parts = {"backbone": _mobilenetv3_small(), "head": {"name": "rtmcc", "params": params}}
    return Architecture("mobilenet_v3_small", "RTMPose on MobileNetV3-Small", parts, 500)


def _all_mlp_decoder(size: tuple[int, int]) -> dict[str, Any]:
    params = {"intermediate_channels": 256, "classifier_dropout_prob": 0.1, "resize_output": list(size)}
    return {"name": "all_mlp_decoder", "params": params}


def _mobilenetv3_small() -> dict[str, Any]:
    swish = "hard_swish"
    stages = [
        _stage([16], 3, [16], [16], True, "relu"),
        _stage([16, 24], 3, [72, 88], [24, 24], False, "relu"),
        _stage([24, 40, 40, 40, 48], 5, [96, 240, 240, 120, 144], [40, 40, 40, 48, 48], True, swish),
        _stage([48, 96, 96], 5, [288, 576, 576], [96, 96, 96], True, swish),
    ]
    return {"name": "mobilenetv3", "stage_params": stages}


def _stage(
    in_channels: list[int], kernel: int, expanded: list[int], out: list[int], squeeze: bool, act: str
) -> dict[str, Any]:
    blocks = len(in_channels)
    return {
        "in_channels": in_channels,
        "kernel_sizes": [kernel] * blocks,
        "expanded_channels": expanded,
        "out_channels": out,
        "use_se": [squeeze] * blocks,
        "act_type": [act] * blocks,
        "stride": [2, *[1] * (blocks - 1)],
    }
