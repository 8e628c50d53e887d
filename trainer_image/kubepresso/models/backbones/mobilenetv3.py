"""MobileNetV3 (Howard et al., arXiv:1905.02244)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from kubepresso.config.model import MobileNetV3Stage
from kubepresso.errors import UserError
from kubepresso.models.layers import ConvNormAct, SqueezeExcitation
from kubepresso.models.registry import BACKBONES

#: The last 1x1 convolution widens the last block's output by this factor.
_LAST_EXPANSION = 6


def _squeezed(channels: int) -> int:
    """Return a quarter of the channels to the nearest multiple of 8, at least 8 and never below 90 %."""
    quarter = channels // 4
    rounded = max(8, (quarter + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * quarter else rounded + 8


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter depthwise, gate by squeeze-and-excitation if asked, project by 1x1."""

    def __init__(
        self,
        in_channels: int,
        kernel_size: int,
        expanded: int,
        out_channels: int,
        use_se: bool,
        act_type: str,
        stride: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if expanded != in_channels:
            layers.append(ConvNormAct(in_channels, expanded, 1, act_type=act_type))
        layers.append(
            ConvNormAct(expanded, expanded, kernel_size, stride, groups=expanded, act_type=act_type)
        )
        if use_se:
            layers.append(SqueezeExcitation(expanded, _squeezed(expanded)))
        layers.append(ConvNormAct(expanded, out_channels, 1, act_type=None))
        self.block = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, out, H / stride, W / stride]."""
        out: Tensor = self.block(x)
        return out + x if self.has_shortcut else out


def _check_chain(stage_params: Sequence[MobileNetV3Stage]) -> None:
    """Raise a UserError for each block whose input is not as wide as the output before it."""
    problems, width = [], stage_params[0].in_channels[0]
    for index, stage in enumerate(stage_params):
        for block, (inputs, outputs) in enumerate(zip(stage.in_channels, stage.out_channels, strict=True)):
            if inputs != width:
                problems.append(
                    f"model.architecture.backbone.stage_params[{index}].in_channels[{block}]: {inputs}, "
                    f"but the block before gives {width}"
                )
            width = outputs
    if problems:
        raise UserError(problems)


@BACKBONES.register("mobilenetv3")
class MobileNetV3(nn.Module):
    """Inverted residual stages after a 3x3 stem of stride 2; a widening 1x1 convolution ends the last stage.

    Args:
        params: Nothing; it is there since every backbone takes it.
        stage_params: One entry a stage; each of its lists has one value a block: ``in_channels``,
            ``kernel_sizes``, ``expanded_channels``, ``out_channels``, ``use_se``, ``act_type``, ``stride``.
    """

    def __init__(self, params: None, stage_params: Sequence[MobileNetV3Stage]) -> None:
        super().__init__()
        _check_chain(stage_params)
        self.conv_first = ConvNormAct(3, stage_params[0].in_channels[0], 3, 2, act_type="hard_swish")
        stages = [self._blocks(stage) for stage in stage_params]
        last = stage_params[-1].out_channels[-1]
        stages[-1].append(ConvNormAct(last, last * _LAST_EXPANSION, 1, act_type="hard_swish"))
        self.stages = nn.ModuleList(nn.Sequential(*blocks) for blocks in stages)
        self.feature_channels = [stage.out_channels[-1] for stage in stage_params[:-1]]
        self.feature_channels.append(last * _LAST_EXPANSION)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 1e-2

    @staticmethod
    def _blocks(stage: MobileNetV3Stage) -> list[nn.Module]:
        columns = zip(
            stage.in_channels,
            stage.kernel_sizes,
            stage.expanded_channels,
            stage.out_channels,
            stage.use_se,
            stage.act_type,
            stage.stride,
            strict=True,
        )
        return [InvertedResidual(*block) for block in columns]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map images [N, 3, H, W] to one feature map a stage."""
        x = self.conv_first(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
