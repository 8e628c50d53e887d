"""A pod that trains: ``python -m kubepresso.launch.pod``.

Fetches the prepared data set and the model to start from, runs torchrun, and writes the bundle to its place
from the node that holds it. What it needs comes by its arguments and environment; see docs/launching.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from kubepresso import storage
from kubepresso.errors import UserError
from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.fetching import fetch_bundle, fetch_dataset, with_retries
from kubepresso.launch.node import (
    await_meeting_point,
    elastic_arguments,
    ending_seconds,
    meeting_point,
    run_elastic,
)
from kubepresso.launch.pod_contract import (
    CONFIG_VARIABLE,
    SCRATCH,
    SCRATCH_VARIABLE,
    TERMINATION_VARIABLE,
)
from kubepresso.launch.report import RankFailure
from kubepresso.launch.termination import TERMINATION_LOG, write_termination
from kubepresso.launch.unbroken import unbroken

_MANIFEST = "manifest.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as one node; return the exit status, see `kubepresso.exit_codes`."""
    options = _parser().parse_args(arguments)
    log = Path(os.environ.get(TERMINATION_VARIABLE, TERMINATION_LOG))
    try:
        with _resumable_until_started():
            folder = Path(os.environ.get(SCRATCH_VARIABLE, SCRATCH))
            status, failures = _train(options, folder)
    except UserError as error:
        failures, status = [_own_failure(error, error.problems)], 1
        sys.stderr.write(f"{error}\n")
    except Exception as error:  # the launcher shows it, whatever it is
        failures, status = [_own_failure(error, None)], 1
        traceback.print_exc()
    if failures:
        with contextlib.suppress(OSError):
            write_termination(failures, log)
    return status


def _train(options: argparse.Namespace, folder: Path) -> tuple[int, list[RankFailure]]:
    folder.mkdir(parents=True, exist_ok=True)
    config = os.environ[CONFIG_VARIABLE]
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    dataset = fetch_dataset(options.dataset, folder / "dataset")
    output = storage.local_path(options.output)
    model, spent = output or folder / "model", folder / "spent-checkpoints"
    training: list[str | Path] = ["--config", folder / "config.yaml", "--dataset", dataset, "--output", model]
    if output is None:
        shutil.rmtree(model, ignore_errors=True)  # what is there afterwards is of this start
        spent.unlink(missing_ok=True)
        training += ["--spent", spent]
    if options.checkpoints:
        training += ["--checkpoints", options.checkpoints]
    if options.start_from:
        training += ["--start-from", fetch_bundle(options.start_from, folder / "start")]
    if ":" in options.nodes:
        await_meeting_point(meeting_point())
    torchrun = elastic_arguments(options.nodes, options.processes, options.max_restarts)
    patience = ending_seconds(config)
    with tempfile.TemporaryDirectory(dir=folder) as reports:
        status, failures = run_elastic(
            torchrun, list(map(str, training)), Path(reports), options.processes, patience
        )
    if status in (0, RESUME_EXIT_CODE) and output is None and (model / _MANIFEST).is_file():
        _say(f"writing the model to {options.output}")
        with unbroken():  # all is done but this
            with_retries(lambda: _put(model, options.output))
            _remove_spent(spent)
        return 0, []
    return status, failures


def _put(model: Path, uri: str) -> Path:
    storage.put_folder(model, uri)
    return model


def _remove_spent(places: Path) -> None:
    """Remove the checkpoints of a training whose model is safe; what stays costs room, not the training."""
    for place in places.read_text(encoding="utf-8").splitlines() if places.is_file() else ():
        try:
            storage.remove_folder(place)
        except UserError as error:
            _say(f"warning: {error}")


@contextlib.contextmanager
def _resumable_until_started() -> Iterator[None]:
    """Take SIGTERM as a request to go on elsewhere; while ranks live they hear it themselves."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(RESUME_EXIT_CODE)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _own_failure(error: Exception, problems: list[str] | None) -> RankFailure:
    rank = int(os.environ.get("PET_NODE_RANK") or 0)
    text = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}"
    return RankFailure(rank, 1, time.time(), problems, message, "" if problems else text)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kubepresso.launch.pod", description=main.__doc__)
    parser.add_argument("--nodes", default="1", help="number of pods, or MIN:MAX")
    parser.add_argument("--processes", type=int, default=1, help="training processes of this pod")
    parser.add_argument("--max-restarts", type=int, default=0, help="restarts of ranks, with MIN:MAX")
    parser.add_argument("--dataset", required=True, help="prepared data set: a mounted path or s3://")
    parser.add_argument("--output", required=True, help="where the bundle goes: a path or s3://")
    parser.add_argument("--checkpoints", help="where checkpoints go, unless the YAML says it")
    parser.add_argument("--start-from", help="bundle to start from: a path or s3://")
    return parser


if __name__ == "__main__":
    sys.exit(main())
