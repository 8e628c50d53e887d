"""Whether the parts of a network fit together, and repeat the same value where they must."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.config import View
from kubepresso.config.model import Architecture, ModelConfig
from kubepresso.config.model.common import BackboneBase
from kubepresso.config.model.heads import AnchorDecoupledHead, AnchorFreeDecoupledHead, YOLOFastestHeadV2
from kubepresso.config.model.necks import FPN, HybridEncoder, NeckBase, YOLOv9FPN
from kubepresso.config.problems import Path

_ARCHITECTURE: Path = ("model", "architecture")
_INDEXES: Path = (*_ARCHITECTURE, "backbone", "params", "return_stage_idx")
#: Keys that post-processor and losses repeat from the head.
_REPEATED = ("anchors", "reg_max", "simcc_split_ratio")


def check_architecture(view: View) -> Iterator[Finding]:
    """Check features, channels and repeated values."""
    if view.model is None:
        return
    backbone, neck = view.model.architecture.backbone, view.model.architecture.neck
    if backbone is not None:
        yield from _check_indexes(backbone)
        if neck is not None:
            yield from _check_neck(neck, len(backbone.features()))
    yield from _check_head(view.model.architecture)
    yield from _check_repeated(view.model)


def _indexes(backbone: BackboneBase) -> tuple[int, ...]:
    return getattr(getattr(backbone, "params", None), "return_stage_idx", None) or ()


def _check_indexes(backbone: BackboneBase) -> Iterator[Finding]:
    indexes, count = _indexes(backbone), len(backbone.stage_strides())
    if any(index >= count for index in indexes):
        yield error(f"{max(indexes)} is no stage; stage_params has stages 0 to {count - 1}", *_INDEXES)
    if list(indexes) != sorted(set(indexes)):
        yield error(f"stages must ascend, found {list(indexes)}", *_INDEXES)


def _check_neck(neck: NeckBase, given: int) -> Iterator[Finding]:
    path = (*_ARCHITECTURE, "neck")
    if neck.features is not None and given != neck.features:
        text = f"{neck.name} joins {neck.features} features, but the backbone gives {given}"
        yield error(f"{text}; see backbone.params.return_stage_idx", *path, "name")
    if isinstance(neck, FPN):
        start, end = neck.params.start_level, neck.params.end_level
        end = given - 1 if end == -1 else end
        if max(start, end) >= given:
            yield error(f"takes features {start} to {end}, but the backbone gives {given}", *path)
        elif neck.params.num_outs < end - start + 1:
            text = f"{neck.params.num_outs} is less than the features taken, {end - start + 1}"
            yield error(text, *path, "params", "num_outs")
    if isinstance(neck, HybridEncoder):
        late = [index for index in neck.params.use_encoder_idx if index >= given]
        if late:
            text = f"{late[0]} is no feature; the backbone gives {given}, from 0"
            yield error(text, *path, "params", "use_encoder_idx")


def _check_head(architecture: Architecture) -> Iterator[Finding]:
    head, neck = architecture.head, architecture.neck
    path = (*_ARCHITECTURE, "head")
    if neck is None and isinstance(head, AnchorDecoupledHead | YOLOFastestHeadV2):
        yield error(f"{head.name} needs a neck that gives features of one width", *path, "name")
    elif neck is None and isinstance(head, AnchorFreeDecoupledHead):
        yield warning(f"{head.name} is made for features that a neck joins", *path, "name")
    if isinstance(head, AnchorDecoupledHead):
        count = len(head.params.anchor_sizes)
        if isinstance(neck, FPN) and neck.params.num_outs != count:
            text = f"has sizes for {count} features, but the neck gives {neck.params.num_outs}"
            yield error(text, *path, "params", "anchor_sizes")
    params = neck.params if isinstance(neck, HybridEncoder | YOLOv9FPN) else None
    for key in ("hidden_dim", "use_aux_loss"):
        wanted, given = getattr(getattr(head, "params", None), key, None), getattr(params, key, None)
        if wanted is not None and given is not None and wanted != given:
            text = f"is {str(wanted).lower()}, but that of the neck is {str(given).lower()}"
            yield error(text, *path, "params", key)


def _check_repeated(model: ModelConfig) -> Iterator[Finding]:
    params = getattr(model.architecture.head, "params", None)
    copies: list[tuple[object, Path]] = [
        (getattr(model.postprocessor, "params", None), ("model", "postprocessor", "params")),
        *((loss, ("model", "losses", index)) for index, loss in enumerate(model.losses)),
    ]
    for key in _REPEATED:
        original = getattr(params, key, None)
        for holder, path in copies:
            copy = getattr(holder, key, None)
            if original is not None and copy is not None and copy != original:
                text = f"is {_shown(copy)}, but that of the head is {_shown(original)}"
                yield error(text, *path, key)


def _shown(value: object) -> object:
    return [list(level) for level in value] if isinstance(value, tuple) else value
