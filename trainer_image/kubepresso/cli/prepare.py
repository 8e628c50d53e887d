"""``kubepresso prepare``."""

from __future__ import annotations

from pathlib import Path

import click

from kubepresso.cli.located import located_problems
from kubepresso.config import Config, load_config
from kubepresso.errors import exit_on_user_error
from kubepresso.steps.preparing import Prepared, prepare


@click.command(name="prepare")
@click.argument("uri")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the prepared data set and the reports; default: prepared, below logging.output_dir.",
)
def command(uri: str, overrides: tuple[str, ...], output: Path | None) -> None:
    """Prepare the data set of the configuration at URI and try its augmentation, without training.

    These are the first steps of the pipeline, on this machine, for every task: what can be trained and what
    cannot yet. URI is a folder or prefix with six files, or one file; a path, file:// or s3://. Overrides are
    dotted: augmentation.checks.samples=32.
    """
    with exit_on_user_error(f"prepare of {uri}"):
        config = load_config(uri, overrides)
        with located_problems(config):
            prepared = prepare(uri, overrides, output)
    click.echo("\n".join(_lines(prepared, config)))


def _lines(prepared: Prepared, config: Config) -> list[str]:
    data, trial = prepared.data, prepared.augmentation
    counts = ", ".join(f"{count:,} {split}" for split, count in data.counts.items())
    found = ", ".join(
        f"{count:,} {check.replace('_', ' ')}" for check, count in data.findings.items() if count
    )
    speed = f"{trial.images_per_second:.0f} images/s in one process"
    return [
        "",
        f"data:          {prepared.dataset}",
        f"  images       {counts}",
        f"  classes      {len(data.classes)}",
        f"  checks       {found or 'nothing found'}",
        f"  report       {prepared.data_report}",
        f"augmentation:  {speed}",
        *(f"  warning      {config.located(line)}" for line in trial.warnings),
        f"  report       {prepared.augmentation_report}",
        f"MLflow:        mlflow server --backend-store-uri {prepared.tracking_uri}",
    ]
