"""What a graph as data may be made of: nothing outside these tables is ever looked up or called."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_CONVOLUTION = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias",
    "padding_mode",
)  # fmt: skip
_TRANSPOSED = (*_CONVOLUTION, "output_padding")
_BATCH_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_MAX_POOL = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
_AVERAGE_POOL = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

#: Constructor arguments by class, each an attribute of the module too (``bias`` says if there is one).
MODULES: dict[type[nn.Module], tuple[str, ...]] = {
    nn.AdaptiveAvgPool1d: ("output_size",),
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.AdaptiveMaxPool2d: ("output_size",),
    nn.AvgPool2d: _AVERAGE_POOL,
    nn.BatchNorm1d: _BATCH_NORM,
    nn.BatchNorm2d: _BATCH_NORM,
    nn.Conv1d: _CONVOLUTION,
    nn.Conv2d: _CONVOLUTION,
    nn.ConvTranspose2d: _TRANSPOSED,
    nn.Dropout: ("p", "inplace"),
    nn.Dropout2d: ("p", "inplace"),
    nn.ELU: ("alpha", "inplace"),
    nn.Flatten: ("start_dim", "end_dim"),
    nn.GELU: ("approximate",),
    nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
    nn.Hardsigmoid: ("inplace",),
    nn.Hardswish: ("inplace",),
    nn.Hardtanh: ("min_val", "max_val", "inplace"),
    nn.Identity: (),
    nn.InstanceNorm2d: _BATCH_NORM,
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine", "bias"),
    nn.LeakyReLU: ("negative_slope", "inplace"),
    nn.Linear: ("in_features", "out_features", "bias"),
    nn.MaxPool2d: _MAX_POOL,
    nn.PReLU: ("num_parameters",),
    nn.PixelShuffle: ("upscale_factor",),
    nn.ReLU: ("inplace",),
    nn.ReLU6: ("inplace",),
    nn.SiLU: ("inplace",),
    nn.Sigmoid: (),
    nn.Softmax: ("dim",),
    nn.Softplus: ("beta", "threshold"),
    nn.Tanh: (),
    nn.Upsample: ("size", "scale_factor", "mode", "align_corners"),
    nn.ZeroPad2d: ("padding",),
}
MODULES_BY_NAME: dict[str, type[nn.Module]] = {cls.__name__: cls for cls in MODULES}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "operator.add": operator.add,
    "operator.floordiv": operator.floordiv,
    "operator.getitem": operator.getitem,
    "operator.iadd": operator.iadd,
    "operator.imul": operator.imul,
    "operator.matmul": operator.matmul,
    "operator.mul": operator.mul,
    "operator.neg": operator.neg,
    "operator.sub": operator.sub,
    "operator.truediv": operator.truediv,
    "torch.add": torch.add,
    "torch.cat": torch.cat,
    "torch.chunk": torch.chunk,
    "torch.clamp": torch.clamp,
    "torch.exp": torch.exp,
    "torch.flatten": torch.flatten,
    "torch.matmul": torch.matmul,
    "torch.mean": torch.mean,
    "torch.mul": torch.mul,
    "torch.nn.functional.adaptive_avg_pool2d": F.adaptive_avg_pool2d,
    "torch.nn.functional.avg_pool2d": F.avg_pool2d,
    "torch.nn.functional.gelu": F.gelu,
    "torch.nn.functional.hardsigmoid": F.hardsigmoid,
    "torch.nn.functional.hardswish": F.hardswish,
    "torch.nn.functional.interpolate": F.interpolate,
    "torch.nn.functional.max_pool2d": F.max_pool2d,
    "torch.nn.functional.pad": F.pad,
    "torch.nn.functional.relu": F.relu,
    "torch.nn.functional.scaled_dot_product_attention": F.scaled_dot_product_attention,
    "torch.nn.functional.silu": F.silu,
    "torch.nn.functional.softmax": F.softmax,
    "torch.permute": torch.permute,
    "torch.relu": torch.relu,
    "torch.reshape": torch.reshape,
    "torch.sigmoid": torch.sigmoid,
    "torch.softmax": torch.softmax,
    "torch.split": torch.split,
    "torch.sqrt": torch.sqrt,
    "torch.squeeze": torch.squeeze,
    "torch.stack": torch.stack,
    "torch.sum": torch.sum,
    "torch.tanh": torch.tanh,
    "torch.transpose": torch.transpose,
    "torch.unflatten": torch.unflatten,
    "torch.unsqueeze": torch.unsqueeze,
}
NAMES_OF_FUNCTIONS: dict[Any, str] = {function: name for name, function in FUNCTIONS.items()}

#: Methods of a tensor.
METHODS = frozenset(
    {
        "add", "chunk", "clamp", "contiguous", "exp", "flatten", "float", "matmul", "mean", "mul", "permute",
        "relu", "reshape", "sigmoid", "size", "softmax", "split", "sqrt", "squeeze", "sub", "sum", "tanh",
        "transpose", "unflatten", "unsqueeze", "view",
    }
)  # fmt: skip


def plain_class(module: nn.Module) -> type[nn.Module] | None:
    """Return the class of ``MODULES`` that computes what ``module`` does, or None.

    A subclass counts as its parent where it computes the same (it does not override ``forward``).
    """
    for cls in type(module).__mro__:
        if cls in MODULES:
            return cls if type(module).forward is cls.forward else None
    return None
