"""What a training process is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kubepresso.config import View
from kubepresso.training.process import StopRequest


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes:
        view: The modules augmentation, model, training, logging and environment.
        dataset: The prepared data set.
        output: The bundle to write.
        checkpoints: Where checkpoints are written, and where training goes on from.
        start: A bundle to start from; None builds the architecture.
        mirror: URI in object storage where checkpoints are written, too, and read on another machine.
        temporary: Whether the checkpoints are removed once the bundle is written.
        spent: File to write where the checkpoints lie, a line each, instead of removing them: for whoever
            brings the bundle to a safe place first.
        stop: Whether this process was asked to end.
    """

    view: View
    dataset: Path
    output: Path
    checkpoints: Path
    start: Path | None
    mirror: str | None = None
    temporary: bool = False
    spent: Path | None = None
    stop: StopRequest = field(default_factory=lambda: StopRequest(grace_seconds=25.0))
