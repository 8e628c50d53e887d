"""``kubepresso init``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from kubepresso.errors import exit_on_user_error
from kubepresso.scaffold import Project, init_project

_TASKS = ("classification", "detection", "segmentation", "pose_estimation")


@click.command(name="init")
@click.argument("data_dir")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder to write to; default: a new one here, called NAME, or NAME-config where NAME is taken.",
)
@click.option("--task", type=click.Choice(_TASKS), help="Where the labels leave it open.")
@click.option("--name", help="Name of the data set and the project; default: that of DATA_DIR.")
@click.option("--force", is_flag=True, help="Replace the modules that are there.")
def command(data_dir: str, output: Path | None, task: str | None, name: str | None, force: bool) -> None:
    """Look at the data set in DATA_DIR and write six commented YAML files for it.

    DATA_DIR is a folder or an archive: a path, file:// or s3://. Task, classes and image sizes are read off
    the data; model, batch and number of epochs are chosen for them and for this machine. The files say why.
    """
    with exit_on_user_error(f"init of {data_dir}"):
        project = init_project(data_dir, output, task, name, force)
    click.echo("\n".join(_lines(project)))


def _lines(project: Project) -> Iterator[str]:
    survey, choices = project.survey, project.choices
    rows = {
        "found": project.found,
        "task": f"{survey.task}, layout {survey.layout or 'of save_to_disk'}",
        "classes": _classes(survey.classes),
        "images": _counts(project),
        "size": survey.sizes_in_words,
        "machine": str(project.machine),
        "model": f"{choices.architecture.title}, input {choices.size[1]}x{choices.size[0]}",
        "training": f"{choices.epochs.value} epochs, batches of {choices.batch.value}",
    }
    yield from (f"{key:<10}{value}" for key, value in rows.items())
    for check, found in survey.problems.items():
        if found:
            yield f"{'warning':<10}data.checks.{check}: skip, for {len(found)} seen, such as {found[0]}"
    yield ""
    yield f"Wrote {_place(project)}/*.yaml. Next:"
    place = shlex.quote(_place(project))
    yield f"  kubepresso validate {place}"
    yield f"  kubepresso prepare {place}     # the prepared data and two reports"
    if survey.task == "classification":
        yield f"  kubepresso run {place}         # train, compress, retrain, promote"


def _classes(names: object) -> str:
    listed = list(names)  # type: ignore[call-overload]
    shown = ", ".join(listed[:8])
    return f"{len(listed)}: {shown}{', ...' if len(listed) > 8 else ''}"


def _counts(project: Project) -> str:
    survey = project.survey
    counts = ", ".join(f"{count:,} {split}" for split, count in survey.counts.items())
    return f"{counts}; {survey.held_out_in_words}" if survey.held_out_in_words else counts


def _place(project: Project) -> str:
    return str(project.folder)
