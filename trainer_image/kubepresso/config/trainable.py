"""What can be trained today. Everything else that the models read is valid in form only."""

from __future__ import annotations

#: Names that have an implementation; tests hold each list to the registry it speaks of.
TASKS = ("classification",)
BACKBONES = ("resnet", "mobilenetv3")
NECKS: tuple[str, ...] = ()
HEADS = ("fc",)
FULL: tuple[str, ...] = ()
LOSSES = ("cross_entropy", "focal_loss")
METRICS = ("top1_accuracy", "top5_accuracy")
