"""``kubepresso run``."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from kubepresso.cli.located import LocatedOutput
from kubepresso.config import load_config
from kubepresso.errors import exit_on_user_error
from pipelines.local import LocalRun, run_locally

_COLUMNS = {
    "top-1": ("top1_accuracy", lambda value: f"{value:.4f}"),
    "parameters": ("parameters", lambda value: f"{value / 1e6:.3f} M"),
    "MACs": ("macs", lambda value: f"{value / 1e6:.1f} M"),
    "ONNX": ("size_mb", lambda value: f"{value:.2f} MB"),
    "latency": ("latency_ms", lambda value: f"{value:.2f} ms"),
}


@click.command(name="run")
@click.argument("uri")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--cache/--no-cache", default=True, help="Take unchanged steps from earlier runs (default).")
def command(uri: str, overrides: tuple[str, ...], cache: bool) -> None:
    """Run the whole pipeline for the configuration at URI on this machine.

    Prepares the data, validates the augmentation, trains, compresses, retrains, and promotes the result if it
    is better. URI is a folder or prefix with six files, or one file; a path, file:// or s3://. Overrides are
    dotted: training.epochs=3.
    """
    with exit_on_user_error(f"run of {uri}"), _told_how_to_go_on(cache):
        config = load_config(uri, overrides)
        with contextlib.redirect_stdout(LocatedOutput(sys.stdout, config)):
            run = run_locally(uri, overrides, use_cache=cache)
    click.echo()
    click.echo("\n".join(_table(run)))
    click.echo()
    click.echo("\n".join(_closing(run)))


@contextlib.contextmanager
def _told_how_to_go_on(cache: bool) -> Iterator[None]:
    """Say on Ctrl-C what the same command will do, and exit as a shell expects."""
    try:
        yield
    except KeyboardInterrupt:
        finished = "finished steps are taken from the cache" if cache else "finished steps run again"
        click.echo(
            f"\ninterrupted; the same command goes on: {finished}, a training from its last checkpoint",
            err=True,
        )
        raise SystemExit(128 + signal.SIGINT) from None


def _table(run: LocalRun) -> list[str]:
    """Return the lines of the table of stages; a column that a task does not have is left out."""
    columns = {
        title: (key, shown)
        for title, (key, shown) in _COLUMNS.items()
        if all(key in metrics for metrics in run.stages.values())
    }
    rows = [["", *columns]]
    for stage, metrics in run.stages.items():
        rows.append([stage, *(shown(metrics[key]) for key, shown in columns.values())])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_aligned(row, widths) for row in rows]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if index == 0 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "   ".join([first, *others])


def _closing(run: LocalRun) -> list[str]:
    cached = sum(task.cached for task in run.tasks)
    decision = run.reports["decision_report"]
    return [
        f"{'promoted' if run.promoted else 'not promoted'}: {_shown(decision)} says why",
        f"reports:  {_shown(decision.parent)}/*.html",
        f"model:    {_shown(run.model)}",
        f"MLflow:   mlflow server --backend-store-uri {run.tracking_uri}",
        f"time:     {run.seconds:.0f} s, of which {run.overhead_seconds:.0f} s outside the steps' own work"
        + (f"; {cached} of {len(run.tasks)} steps unchanged" if cached else ""),
    ]


def _shown(path: Path) -> str:
    """Return a path relative to the working directory where it lies below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
