"""A new project: look at a data set, choose, write six files, and read them back."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepresso.config import MODULES, Config, ConfigError, DataConfig, dump, load_config, parse_view
from kubepresso.data.location import local_source
from kubepresso.errors import UserError
from kubepresso.scaffold.choices import Choices, choose
from kubepresso.scaffold.commented import write_module
from kubepresso.scaffold.evidence import Candidate, candidates, take_inventory
from kubepresso.scaffold.looking import survey_source
from kubepresso.scaffold.machine import Machine, look
from kubepresso.scaffold.modules import Written, modules
from kubepresso.scaffold.survey import Survey
from kubepresso.storage import local_path
from kubepresso.storage.atomic import explained_write


@dataclass(frozen=True)
class Project:
    """What was found and written.

    Args:
        folder: Where the files are.
        survey: The data set.
        found: What told its task and layout.
        machine: The machine that batch and workers were chosen for.
        choices: What was chosen.
        config: What the files hold.
    """

    folder: Path
    survey: Survey
    found: str
    machine: Machine
    choices: Choices
    config: Config


def init_project(
    data_uri: str, folder: Path, task: str | None = None, name: str | None = None, force: bool = False
) -> Project:
    """Look at a data set and write six commented files that fit it.

    Args:
        data_uri: A folder, ``file://`` or ``s3://``, or an archive in either.
        folder: Where to write.
        task: The task, where the data leave it open; None: told by the labels.
        name: Of data set and project; None: the folder's own.
        force: Replace files that are there.

    Raises:
        UserError: The data set cannot be read, its task is not clear, or a file is in the way.
    """
    _check_free(folder, force)
    name = name or _name(data_uri)
    root_name = _root(data_uri, folder)
    place = DataConfig.model_validate({"task": "classification", "path": {"root": data_uri}})
    with local_source(place) as root:
        assert root is not None
        inventory = take_inventory(root)
        candidate = _pick(candidates(inventory), task, data_uri)
        survey = survey_source(candidate, inventory, root_name)
    machine = look()
    choices = choose(survey, machine)
    written = modules(survey, choices, machine, name)
    config = _write(folder, _texts(written, _header(survey, name, folder)))
    return Project(folder, survey, candidate.found, machine, choices, config)


def _pick(found: Sequence[Candidate], task: str | None, place: str) -> Candidate:
    """Return the one candidate.

    Raises:
        UserError: There is none, or several and the task does not decide.
    """
    fitting = [
        candidate
        for candidate in found
        if task == candidate.task or (task is None and not candidate.on_request)
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = [f"{candidate.found}: {candidate.task}" for candidate in fitting or found]
    if not found:
        raise UserError(
            f"{place}: no labels found; needed are class folders, a CSV table, Parquet, XML, YOLO or COCO "
            "boxes, masks, or keypoints"
        )
    if not fitting:
        raise UserError([f"{place}: nothing is there for the task {task}; found:", *listed])
    tasks = sorted({candidate.task for candidate in fitting})
    fix = (
        f"say which with --task {' or --task '.join(tasks)}"
        if len(tasks) > 1
        else "give the folder of one of them, or move the others away"
    )
    raise UserError([f"{place}: can be read in {len(fitting)} ways; {fix}; found:", *listed])


def _name(uri: str) -> str:
    path = local_path(uri)
    last = path.absolute().name if path is not None else uri.rstrip("/").rpartition("/")[2]
    last = re.sub(r"\.(zip|tar|tgz|tar\.\w+)$", "", last, flags=re.IGNORECASE)
    return re.sub(r"[^\w.-]+", "-", last).strip("-._") or "dataset"


def _root(uri: str, folder: Path) -> str:
    """Return the place as the files will name it: relative where it lies below them, else in full."""
    path = local_path(uri)
    if path is None:
        return uri
    absolute, home = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    below = absolute != home and absolute.is_relative_to(home)
    return str(absolute.relative_to(home)) if below else str(absolute)


def _check_free(folder: Path, force: bool) -> None:
    """Refuse to write over files, or beside ones that would be read as the same module."""
    there = [folder / f"{module}{suffix}" for module in MODULES for suffix in (".yaml", ".yml")]
    there = [file for file in there if file.exists() and not (force and file.suffix == ".yaml")]
    if there:
        names = ", ".join(file.name for file in there)
        fix = "remove them" if force else "write elsewhere with --output, or replace them with --force"
        raise UserError(f"{folder}: {names} {'is' if len(there) == 1 else 'are'} there already; {fix}")


def _texts(written: Mapping[str, Written], header: Mapping[str, Sequence[str]]) -> dict[str, str]:
    content = dump({module: made.content for module, made in written.items()})
    try:
        view = parse_view(content)
    except ConfigError as error:
        raise UserError([f"cannot be written: {line}" for line in error.problems]) from error
    return {
        module: write_module(module, made.content, view.need(module), made.reasons, header[module])  # type: ignore[arg-type]
        for module, made in written.items()
    }


_TITLES = {
    "data": "where the images are and what their labels mean",
    "augmentation": "what happens to an image on its way to the model",
    "model": "the network, its losses and its compression",
    "training": "how long and how fast it learns",
    "logging": "what is written and when a model is promoted",
    "environment": "seed, batch and processes",
}


def _header(survey: Survey, name: str, folder: Path) -> dict[str, list[str]]:
    """Return the lines at the head of each file."""
    command = "kubepresso run" if survey.task == "classification" else "kubepresso prepare"
    place = "." if folder == Path() else str(folder)
    run = f"Run all six files of this folder with:  {command} {place}"
    return {module: [f"{name}: {title}.", run] for module, title in _TITLES.items()}


def _write(folder: Path, texts: Mapping[str, str]) -> Config:
    """Write the files beside their places, read them as every step will, then give them their names."""
    with _staging(folder) as staging:
        for module, text in texts.items():
            (staging / f"{module}.yaml").write_text(text, encoding="utf-8")
        config = load_config(str(staging))
        if config.warnings:
            raise UserError([f"the files would be read with a warning: {line}" for line in config.warnings])
        for module in texts:
            (staging / f"{module}.yaml").replace(folder / f"{module}.yaml")
    return load_config(str(folder))


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    with explained_write(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kubepresso-init.", dir=folder) as staging:
            yield Path(staging)
