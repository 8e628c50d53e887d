"""PR_L2: remove the output channels whose weights have the least L2 norm (Li et al., arXiv:1608.08710).

Channels that additions, depthwise convolutions or gates tie together go together; torch-pruning finds these
groups and cuts the tensors (DepGraph, Fang et al., arXiv:2301.12900).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
import torch_pruning as tp
from torch import fx, nn

from kubepresso.compression.final_layers import PRUNABLE, final_layers
from kubepresso.compression.registry import METHODS
from kubepresso.config.model import Compression
from kubepresso.errors import UserError
from kubepresso.export.trace import input_like


@dataclass(frozen=True)
class _Cut:
    """The output channels to remove from one layer, and with it from all that are tied to it."""

    layer: nn.Module
    cut: Any
    channels: list[int]


@METHODS.register("PR_L2")
class PrunePerLayerL2:
    """Remove the same share of channels in each group of tied layers.

    A group's channel is as important as the mean, over the group's tensors, of its squared L2 norm in each.
    """

    def apply(self, graph: fx.GraphModule, input_size: Sequence[int], settings: Compression) -> None:
        """Prune ``graph`` in place, see ``Method.apply``."""
        kept_whole = final_layers(graph) | _ignored(graph, settings.ignore_layers)
        dependencies = tp.DependencyGraph().build_dependency(
            graph, example_inputs=input_like(graph, input_size)
        )
        cuts = list(_cuts(dependencies, list(kept_whole), settings))
        if not cuts:
            raise UserError(
                f"model.compression: ratio {settings.ratio} removes nothing: each layer is ignored, or "
                f"rounds to its own size at round_to {settings.round_to}; raise ratio or lower round_to"
            )
        for cut in cuts:
            dependencies.get_pruning_group(cut.layer, cut.cut, cut.channels).prune()


def _ignored(graph: fx.GraphModule, patterns: Sequence[str]) -> set[nn.Module]:
    layers = {path: layer for path, layer in graph.named_modules() if isinstance(layer, PRUNABLE)}
    example = next(iter(layers), "")
    problems = [
        f"model.compression.ignore_layers: {pattern} matches no layer; layers have names like {example}"
        for pattern in patterns
        if not any(fnmatchcase(path, pattern) for path in layers)
    ]
    if problems:
        raise UserError(problems)
    return {
        layer for path, layer in layers.items() if any(fnmatchcase(path, pattern) for pattern in patterns)
    }


@torch.no_grad()
def _cuts(dependencies: Any, kept_whole: list[nn.Module], settings: Compression) -> Iterator[_Cut]:
    """Choose the channels of every group on the whole weights, before any group is cut."""
    importance = tp.importance.GroupMagnitudeImportance(p=2, normalizer=None)
    for group in dependencies.get_all_groups(ignored_layers=kept_whole, root_module_types=list(PRUNABLE)):
        layer, cut = group[0].dep.target.module, group[0].dep.handler
        blocks = _blocks(group)
        # Convolution groups and norm groups of equal size stay so: the same positions leave each block.
        scores = importance(group).reshape(blocks, -1).mean(0)
        keep = kept_channels(len(scores), settings.ratio, max(1, settings.round_to // blocks))
        if keep < len(scores):
            leaving = scores.argsort(stable=True)[: len(scores) - keep]
            channels = torch.cat([leaving + block * len(scores) for block in range(blocks)])
            yield _Cut(layer, cut, sorted(channels.tolist()))


def kept_channels(channels: int, ratio: float, round_to: int) -> int:
    """Return how many of ``channels`` stay: the nearest multiple of ``round_to``, halves down.

    It is at least ``round_to``, and never more than ``channels``.

    Args:
        channels: Output channels before.
        ratio: Share to remove, between 0 and 1.
        round_to: What the result is a multiple of, unless ``channels`` is smaller.
    """
    # The small term keeps an exact half down in spite of the rounding error of 1 - ratio.
    nearest = math.ceil(channels * (1 - ratio) / round_to - 0.5 - 1e-9) * round_to
    return min(channels, max(nearest, round_to))


def _blocks(group: Any) -> int:
    """Return into how many equal blocks grouped convolutions or group norms divide the channels."""
    blocks = 1
    for dependency, _ in group:
        module = dependency.target.module
        if isinstance(module, nn.Conv2d) and 1 < module.groups < module.out_channels:
            blocks = math.lcm(blocks, module.groups)
        elif isinstance(module, nn.GroupNorm):
            blocks = math.lcm(blocks, module.num_groups)
    return blocks
