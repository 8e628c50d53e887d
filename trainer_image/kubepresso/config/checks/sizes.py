"""Whether the sizes that come out of the recipes suit the network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from kubepresso.config.augmentation.geometry import PoseTopDownAffine, RandomResize
from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.checks.recipes import final_size, sizes_after
from kubepresso.config.config import View
from kubepresso.config.model import Architecture
from kubepresso.config.model.backbones import Gelan, ViT
from kubepresso.config.model.heads import RTMCC, AllMLPDecoder
from kubepresso.config.problems import Path

Size = tuple[int, int]
_HEAD: Path = ("model", "architecture", "head", "params")
_DENSE = ("segmentation", "detection")


def check_sizes(view: View) -> Iterator[Finding]:
    """Check every known size against the strides of the network."""
    if view.model is None:
        return
    architecture, task = view.model.architecture, view.model.task
    for path, size in _sizes(view):
        yield from _check_size(architecture, task, size, path)
    if view.augmentation is not None:
        for index, entry in enumerate(view.augmentation.train):
            if isinstance(entry, RandomResize):
                path = ("augmentation", "train", index, "stride")
                yield from _check_step(architecture, entry, path)


def _sizes(view: View) -> Iterator[tuple[Path, Size]]:
    """Give the size that each recipe ends with, by the transform that makes it, and that of the export."""
    known = False
    for name in ("train", "inference"):
        sizes = sizes_after(getattr(view.augmentation, name, ()))
        if sizes and sizes[-1] is not None:
            known |= name == "inference"
            first = next(index for index in range(len(sizes)) if set(sizes[index:]) == {sizes[-1]})
            yield ("augmentation", name, first), sizes[-1]
    if view.logging is not None and view.augmentation is not None and not known:
        options = view.logging.model_save_options
        yield ("logging", "model_save_options", "sample_input_size"), options.sample_input_size


def _check_size(architecture: Architecture, task: str, size: Size, path: Path) -> Iterator[Finding]:
    multiple, stride = side_multiple(architecture), total_stride(architecture)
    shown = _shown(size)
    if any(side % multiple for side in size):
        yield error(f"{shown}, but the network takes multiples of {multiple}{_near(size, multiple)}", *path)
    elif not _joins(architecture, size):
        text = f"{shown}: features do not meet in the neck; take multiples of {stride}{_near(size, stride)}"
        yield error(text, *path)
    elif min(size) < stride:
        yield warning(f"{shown} is less than the network's stride of {stride}; one step sees it all", *path)
    elif task in _DENSE and any(side % stride for side in size):
        text = f"{shown} is no multiple of the network's stride of {stride}{_near(size, stride)}"
        yield warning(text, *path)
    if isinstance(architecture.backbone, ViT):
        params = architecture.backbone.params
        side = params.patch_size
        if any(length % side for length in size):
            text = f"{shown} is no multiple of the patches' side of {side}{_near(size, side)}"
            yield warning(text, *path)
        places = (size[0] // params.patch_size) * (size[1] // params.patch_size) + params.use_cls_token
        if places > params.vocab_size:
            where = ("model", "architecture", "backbone", "params", "vocab_size")
            yield error(f"{params.vocab_size} is less than the {places} patches of {shown}", *where)


def _shown(size: Size | None) -> str:
    return f"{size[0]}x{size[1]}" if size is not None else "any"


def total_stride(architecture: Architecture) -> int:
    """Return how many pixels of the image one step in the deepest features is."""
    network = architecture.full or architecture.backbone
    return max(network.stage_strides()) if network is not None else 1


def side_multiple(architecture: Architecture) -> int:
    """Return what the sides must be multiples of for the network to run at all."""
    return architecture.backbone.side_multiple() if architecture.backbone is not None else 1


def _joins(architecture: Architecture, size: Size) -> bool:
    """Whether each feature has exactly twice the sides of the next, where the neck doubles them.

    A convolution of stride 2 rounds up, so 638 goes through a stride of 32 as 640 does.
    """
    backbone, neck = architecture.backbone, architecture.neck
    if backbone is None or neck is None or not neck.doubles or isinstance(backbone, Gelan):
        return True
    strides = backbone.features()
    pairs = [(fine, coarse) for fine, coarse in itertools.pairwise(strides) if coarse == 2 * fine]
    return all(-(-side // fine) == 2 * -(-side // coarse) for side in size for fine, coarse in pairs)


def _near(size: Size, multiple: int) -> str:
    down = [max(side // multiple, 1) * multiple for side in size]
    up = [-(-side // multiple) * multiple for side in size]
    shown = dict.fromkeys(_shown((height, width)) for height, width in (down, up))
    return f", such as {' or '.join(shown)}"


def _check_step(architecture: Architecture, entry: RandomResize, path: Path) -> Iterator[Finding]:
    stride = total_stride(architecture)
    least = min(entry.base_size) - entry.random_range * entry.stride
    if least < 1:
        text = f"{entry.random_range} steps of {entry.stride} below {min(entry.base_size)} leave no pixel"
        yield error(text, *path[:-1], "random_range")
        return
    sizes = [
        (entry.base_size[0] + step * entry.stride, entry.base_size[1] + step * entry.stride)
        for step in range(-entry.random_range, entry.random_range + 1)
    ]
    bad = [size for size in sizes if any(side % side_multiple(architecture) for side in size)]
    bad += [size for size in sizes if not _joins(architecture, size)]
    if bad:
        yield error(
            f"{entry.stride} gives {bad[0][0]}x{bad[0][1]}, which the network does not take; "
            f"set a multiple of {stride}",
            *path,
        )
    elif entry.stride % stride and stride % entry.stride == 0:
        yield warning(f"{entry.stride} is no multiple of the network's stride of {stride}", *path)


def check_head_sizes(view: View) -> Iterator[Finding]:
    """Check the sizes that a head repeats against the recipes and the backbone."""
    if view.model is None:
        return
    head = view.model.architecture.head
    size = final_size(view.augmentation.inference) if view.augmentation is not None else None
    output = head.params.resize_output if isinstance(head, AllMLPDecoder) else None
    if None not in (output, size) and output != size:
        text = f"{_shown(output)}, but augmentation.inference gives {_shown(size)}"
        yield warning(text, *_HEAD, "resize_output")
    if isinstance(head, RTMCC):
        yield from _check_pose(view, head, size)


def _check_pose(view: View, head: RTMCC, size: Size | None) -> Iterator[Finding]:
    assert view.model is not None
    target, stride = head.params.target_size, head.params.backbone_stride
    backbone = view.model.architecture.backbone
    if backbone is not None and backbone.features() and backbone.features()[-1] != stride:
        text = f"is {stride}, but the backbone's stride is {backbone.features()[-1]}"
        yield error(text, *_HEAD, "backbone_stride")
    if size is not None and size != target:
        text = f"{_shown(target)}, but augmentation.inference gives {_shown(size)}"
        yield error(text, *_HEAD, "target_size")
    if view.augmentation is None:
        return
    for name in ("train", "inference"):
        for index, entry in enumerate(getattr(view.augmentation, name)):
            if isinstance(entry, PoseTopDownAffine) and final_size([entry]) not in (target, size):
                given = entry.size if isinstance(entry.size, int) else list(entry.size)
                text = f"{given} is not the head's target_size, {list(target)}, height before width"
                yield error(text, "augmentation", name, index, "size")


def check_epochs(view: View) -> Iterator[Finding]:
    """Tell of what starts or ends outside the training's epochs."""
    if view.training is None:
        return
    epochs = view.training.epochs
    for index, entry in enumerate(getattr(view.augmentation, "train", ())):
        off = getattr(entry, "mosaic_off_duration", 0)
        if off >= epochs:
            text = f"{off} of {epochs} epochs leaves no epoch with it"
            yield warning(text, "augmentation", "train", index, "mosaic_off_duration")
    for index, loss in enumerate(getattr(view.model, "losses", ())):
        first = getattr(loss, "l1_activate_epoch", None)
        if first is not None and first > epochs:
            text = f"{first} is never reached in {epochs} epochs"
            yield warning(text, "model", "losses", index, "l1_activate_epoch")
