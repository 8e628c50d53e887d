"""What a valid configuration asks for that has no implementation yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubepresso.config import trainable
from kubepresso.config.checks.findings import Finding, warning
from kubepresso.config.config import View
from kubepresso.config.model import Checkpoint
from kubepresso.config.problems import Path

#: How netspresso-trainer, and a bundle, call a traced model in a pickle.
_WHOLE_MODEL = "_fx.pt"


def find_untrainable(view: View) -> Iterator[Finding]:
    """Tell, for each name without an implementation, which ones there are."""
    data, model, logging = view.data, view.model, view.logging
    if model is not None:
        yield from _missing("task", model.task, trainable.TASKS, ("model", "task"))
        parts = model.architecture
        for kind, part, known in (
            ("network", parts.full, trainable.FULL),
            ("backbone", parts.backbone, trainable.BACKBONES),
            ("neck", parts.neck, trainable.NECKS),
            ("head", parts.head, trainable.HEADS),
        ):
            if part is not None:
                key = "full" if kind == "network" else kind
                yield from _missing(kind, part.name, known, ("model", "architecture", key, "name"))
        yield from _check_start(model.checkpoint)
        for index, loss in enumerate(model.losses):
            path = ("model", "losses", index, "criterion")
            yield from _missing("loss", loss.criterion, trainable.LOSSES, path)
    elif data is not None:
        yield from _missing("task", data.task, trainable.TASKS, ("data", "task"))
    if logging is not None:
        for index, name in enumerate(logging.metrics.metric_names or ()):
            yield from _missing(
                "metric", name, trainable.METRICS, ("logging", "metrics", "metric_names", index)
            )


def _check_start(checkpoint: Checkpoint) -> Iterator[Finding]:
    path = checkpoint.path
    if checkpoint.use_pretrained and path is not None and path.lower().endswith(_WHOLE_MODEL):
        text = (
            f"{path} holds code, so it is not read; give the folder of a model bundle, or the weights alone: "
            ".safetensors, or a state dict (.pth)"
        )
        yield warning(text, "model", "checkpoint", "path")


def _missing(kind: str, name: str, known: Sequence[str], path: Path) -> Iterator[Finding]:
    if name not in known:
        there = f"there is {', '.join(known)}" if known else "there is none"
        yield warning(f"the {kind} {name} has no implementation yet; {there}", *path)
