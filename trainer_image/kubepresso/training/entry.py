"""The command line of a training process. Loads torch only after what can be started before it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepresso.config import View, parse_view
from kubepresso.errors import UserError
from kubepresso.startup import lasting_imports
from kubepresso.training.failure import reported_failure
from kubepresso.training.process import end_with_parent, exit_on_sigterm


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes:
        view: The modules augmentation, model, training, logging and environment.
        dataset: The prepared data set.
        output: The bundle to write.
        checkpoints: Where checkpoints are written, and where training goes on from.
        start: A bundle to start from; None builds the architecture.
    """

    view: View
    dataset: Path
    output: Path
    checkpoints: Path
    start: Path | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, as one of the processes that torchrun started, or alone."""
    options = _parser().parse_args(arguments)
    exit_on_sigterm()
    end_with_parent()
    with reported_failure():
        job = Job(
            view=_read_view(options.config),
            dataset=options.dataset,
            output=options.output,
            checkpoints=options.checkpoints or options.output.with_name(f"{options.output.name}.checkpoints"),
            start=options.start_from,
        )
        if job.view.need("environment").num_workers:
            from kubepresso.data.workers import start_worker_server

            start_worker_server("kubepresso.augmentation")
        with lasting_imports():
            from kubepresso.training.run import run
        run(job)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kubepresso.training", description=main.__doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML with the modules that training reads"
    )
    parser.add_argument("--dataset", type=Path, required=True, help="prepared data set")
    parser.add_argument("--output", type=Path, required=True, help="model bundle to write")
    parser.add_argument("--start-from", type=Path, help="model bundle to start from")
    parser.add_argument("--checkpoints", type=Path, help="folder of checkpoints; default: OUTPUT.checkpoints")
    return parser


def _read_view(path: Path) -> View:
    try:
        return parse_view(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
