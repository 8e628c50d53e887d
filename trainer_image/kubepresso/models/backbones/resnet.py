"""ResNet (He et al., arXiv:1512.03385), with the stem and shortcut variants of arXiv:1812.01187."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from kubepresso.config.model.backbones import ResNetParams, ResNetStage
from kubepresso.models.layers import ConvNormAct
from kubepresso.models.registry import BACKBONES

_STEM_CHANNELS = 64


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        dilation: int,
        norm: str,
        shortcut: nn.Module | None,
    ) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, channels, 3, stride, dilation, norm_type=norm)
        self.conv2 = ConvNormAct(channels, channels, 3, 1, dilation, norm_type=norm, act_type=None)
        self.downsample = shortcut
        self.final_act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, channels, H / stride, W / stride]."""
        out = self.conv2(self.conv1(x))
        out = out + (x if self.downsample is None else self.downsample(x))
        activated: Tensor = self.final_act(out)
        return activated


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the stride is on the 3x3 one."""

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        dilation: int,
        norm: str,
        shortcut: nn.Module | None,
    ) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = ConvNormAct(in_channels, channels, 1, norm_type=norm)
        self.conv2 = ConvNormAct(channels, channels, 3, stride, dilation, norm_type=norm)
        self.conv3 = ConvNormAct(channels, out_channels, 1, norm_type=norm, act_type=None)
        self.downsample = shortcut
        self.final_act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, 4 * channels, H / stride, W / stride]."""
        out = self.conv3(self.conv2(self.conv1(x)))
        out = out + (x if self.downsample is None else self.downsample(x))
        activated: Tensor = self.final_act(out)
        return activated


_BLOCKS: dict[str, type[BasicBlock | Bottleneck]] = {"basicblock": BasicBlock, "bottleneck": Bottleneck}


@BACKBONES.register("resnet")
class ResNet(nn.Module):
    """Residual stages; stage k of 224x224 images gives a map of 56 / 2^k pixels.

    Args:
        params: ``block_type``, ``norm_type``, ``split_stem_conv``, ``first_stage_shortcut_conv``.
        stage_params: One entry a stage: ``channels``, ``num_blocks``, and for all but the first
            ``replace_stride_with_dilation`` and ``replace_stride_with_pooling``.
    """

    def __init__(self, params: ResNetParams, stage_params: Sequence[ResNetStage]) -> None:
        super().__init__()
        self._block = _BLOCKS[params.block_type]
        self._norm = params.norm_type
        self._channels = _STEM_CHANNELS
        self._dilation = 1
        self.conv1 = self._split_stem() if params.split_stem_conv else ConvNormAct(3, _STEM_CHANNELS, 7, 2)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = [
            self._stage(
                stage, first=index == 0, force_shortcut=index == 0 and params.first_stage_shortcut_conv
            )
            for index, stage in enumerate(stage_params)
        ]
        self.stages = nn.ModuleList(stages)
        self.feature_channels = [stage.channels * self._block.expansion for stage in stage_params]

    def _split_stem(self) -> nn.Sequential:
        """Return three 3x3 convolutions that see as far as one of 7x7."""
        half = _STEM_CHANNELS // 2
        return nn.Sequential(
            ConvNormAct(3, half, 3, 2), ConvNormAct(half, half, 3), ConvNormAct(half, _STEM_CHANNELS, 3)
        )

    def _stage(self, stage: ResNetStage, first: bool, force_shortcut: bool) -> nn.Sequential:
        stride, dilation = (1 if first else 2), self._dilation
        if not first and stage.replace_stride_with_dilation:
            self._dilation *= stride
            stride = 1
        pooled = not first and stage.replace_stride_with_pooling
        shortcut = self._shortcut(stage.channels, stride, pooled, force_shortcut)
        blocks = [self._block(self._channels, stage.channels, stride, dilation, self._norm, shortcut)]
        self._channels = stage.channels * self._block.expansion
        blocks += [
            self._block(self._channels, stage.channels, 1, self._dilation, self._norm, None)
            for _ in range(1, stage.num_blocks)
        ]
        return nn.Sequential(*blocks)

    def _shortcut(self, channels: int, stride: int, pooled: bool, force: bool) -> nn.Module | None:
        out_channels = channels * self._block.expansion
        if stride == 1 and self._channels == out_channels and not force:
            return None
        if not pooled:
            return ConvNormAct(self._channels, out_channels, 1, stride, norm_type=self._norm, act_type=None)
        return nn.Sequential(
            nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False),
            ConvNormAct(self._channels, out_channels, 1, norm_type=self._norm, act_type=None),
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map images [N, 3, H, W] to one feature map a stage."""
        x = self.maxpool(self.conv1(x))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
