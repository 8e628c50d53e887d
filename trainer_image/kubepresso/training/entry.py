"""The command line of a training process. Loads torch only after what can be started before it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from kubepresso.config import View, parse_view
from kubepresso.errors import UserError
from kubepresso.startup import lasting_imports
from kubepresso.storage import local_path
from kubepresso.training.failure import reported_failure
from kubepresso.training.job import Job
from kubepresso.training.process import StopRequest, deaf_to_interrupts, end_with_parent

#: Where the checkpoints of all trainings lie when the YAML does not say it: a folder or an s3:// prefix.
CHECKPOINTS_VARIABLE = "KUBEPRESSO_CHECKPOINTS"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, as one of the processes that torchrun started, or alone."""
    options = _parser().parse_args(arguments)
    end_with_parent()
    with reported_failure():
        job = _read_job(options)
        job.stop.listen()
        if job.view.need("environment").num_workers:
            from kubepresso.data.workers import start_worker_server

            with deaf_to_interrupts():
                start_worker_server("kubepresso.augmentation")
        with lasting_imports():
            from kubepresso.training.run import run
        run(job)


def _read_job(options: argparse.Namespace) -> Job:
    view = _read_view(options.config)
    config = view.need("training").checkpoints
    beside = options.output.with_name(f"{options.output.name}.checkpoints")
    place = options.checkpoints or config.place or os.environ.get(CHECKPOINTS_VARIABLE)
    folder = local_path(place) if place else beside
    return Job(
        view=view,
        dataset=options.dataset,
        output=options.output,
        checkpoints=folder or beside,
        start=options.start_from,
        mirror=place if folder is None else None,
        temporary=place is not None and options.checkpoints is None,
        spent=options.spent,
        stop=StopRequest(config.grace_seconds),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kubepresso.training", description=main.__doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML with the modules that training reads"
    )
    parser.add_argument("--dataset", type=Path, required=True, help="prepared data set")
    parser.add_argument("--output", type=Path, required=True, help="model bundle to write")
    parser.add_argument("--start-from", type=Path, help="model bundle to start from")
    parser.add_argument(
        "--checkpoints",
        help="folder or s3:// prefix of checkpoints; default: training.checkpoints.place, "
        f"${CHECKPOINTS_VARIABLE}, else OUTPUT.checkpoints",
    )
    parser.add_argument(
        "--spent", type=Path, help="file to write where checkpoints of a place lie, instead of removing them"
    )
    return parser


def _read_view(path: Path) -> View:
    try:
        return parse_view(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
