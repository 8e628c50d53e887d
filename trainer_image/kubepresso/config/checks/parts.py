"""Whether the parts of a network that training names are there."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.config import View
from kubepresso.config.model import Architecture
from kubepresso.config.problems import Path

_GROUPS: Path = ("training", "optimizer", "overwrite")


def check_parts(view: View) -> Iterator[Finding]:
    """Check ``freeze_backbone`` and the parts with values of their own in the optimizer."""
    if view.model is None:
        return
    architecture, frozen = view.model.architecture, view.model.freeze_backbone
    if frozen and architecture.backbone is None:
        yield error(_lacks(architecture, "backbone"), "model", "freeze_backbone")
    elif frozen and not view.model.checkpoint.use_pretrained:
        text = "true keeps the backbone's random weights; set model.checkpoint.use_pretrained: true"
        yield warning(text, "model", "freeze_backbone")
    first: dict[str, int] = {}
    groups = view.training.optimizer.overwrite if view.training is not None else None
    for index, group in enumerate(groups or ()):
        part, path = group.param_group, (*_GROUPS, index, "param_group")
        if part in first:
            yield error(f"{part} stands in {first[part]} too", *path)
        elif getattr(architecture, part) is None:
            yield error(_lacks(architecture, part), *path)
        elif frozen and part == "backbone":
            yield warning("has no effect: model.freeze_backbone is true", *path)
        first.setdefault(part, index)


def _lacks(architecture: Architecture, part: str) -> str:
    there = [name for name in ("backbone", "neck", "head") if getattr(architecture, name) is not None]
    full = architecture.full
    has = f"{full.name} is not made of parts" if full is not None else f"it has {' and '.join(there)}"
    return f"the model has no {part}; {has}"
