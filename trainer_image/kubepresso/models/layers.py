"""Layers that several backbones share. Every parameter sits in a plain ``torch.nn`` module."""

from __future__ import annotations

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "prelu": nn.PReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "hard_swish": nn.Hardswish,
}
NORMS: dict[str, type[nn.Module]] = {"batch_norm": nn.BatchNorm2d, "instance_norm": nn.InstanceNorm2d}


class ConvNormAct(nn.Module):
    """A convolution without bias, its normalisation, and an activation unless ``act_type`` is None.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: An odd number of pixels; the padding keeps the size at stride 1.
        stride: Step in pixels.
        dilation: Distance between kernel taps in pixels.
        groups: Groups of channels that do not mix; ``in_channels`` makes it depthwise.
        norm_type: A key of ``NORMS``.
        act_type: A key of ``ACTIVATIONS``, or None for a linear output.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        norm_type: str = "batch_norm",
        act_type: str | None = "relu",
    ) -> None:
        super().__init__()
        padding = (kernel_size - 1) // 2 * dilation
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=False
        )
        self.norm = NORMS[norm_type](out_channels)
        self.act = ACTIVATIONS[act_type]() if act_type else None

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in_channels, H, W] to [N, out_channels, H / stride, W / stride]."""
        x = self.norm(self.conv(x))
        return x if self.act is None else self.act(x)


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from all channels' means (Hu et al., arXiv:1709.01507).

    The gate is a hard sigmoid as in MobileNetV3 (Howard et al., arXiv:1905.02244).

    Args:
        channels: Channels in and out.
        squeezed: Channels between the two 1x1 convolutions.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.activation = nn.ReLU()
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.scale_activation = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, channels, H, W] to the same shape."""
        gate: Tensor = self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))
        return x * gate
