"""A new project: look at a data set, choose, write six files, and read them back."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kubepresso.config import Config, ConfigError, DataConfig, dump, load_config, parse_view
from kubepresso.config.document import parse
from kubepresso.config.logging import check_name
from kubepresso.data.archive import is_archive
from kubepresso.data.formats.naming import is_hidden, split_of
from kubepresso.data.location import local_source
from kubepresso.errors import UserError
from kubepresso.scaffold.choices import Choices, choose
from kubepresso.scaffold.commented import write_module
from kubepresso.scaffold.evidence import Candidate, candidates
from kubepresso.scaffold.inventory import Inventory, take_inventory
from kubepresso.scaffold.looking import survey_source
from kubepresso.scaffold.machine import Machine, look
from kubepresso.scaffold.modules import Written, modules
from kubepresso.scaffold.placing import TITLES, check_free, default_folder, placed, texts_to
from kubepresso.scaffold.survey import Survey
from kubepresso.scaffold.unlabelled import no_labels
from kubepresso.storage import local_path

#: A name that is longer than a file's may be is of no use as a folder's.
_LONGEST_NAME = 100


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
    data_uri: str,
    folder: Path | None = None,
    task: str | None = None,
    name: str | None = None,
    force: bool = False,
) -> Project:
    """Look at a data set and write six commented files that fit it.

    Args:
        data_uri: A folder, ``file://`` or ``s3://``, or an archive in either.
        folder: Where to write; None: a folder ``name`` here, ``name-config`` where that name is taken.
        task: The task, where the data leave it open; None: told by the labels.
        name: Of data set and project; None: the folder's own.
        force: Replace modules that are there; other files are never replaced.

    Raises:
        UserError: The data set cannot be read, its task is not clear, or a file is in the way.
    """
    name = _name(data_uri) if name is None else _checked(name)
    folder = default_folder(data_uri, name) if folder is None else folder
    check_free(folder, name, force)
    root_name = _root(data_uri, folder)
    place = DataConfig.model_validate({"task": "classification", "path": {"root": data_uri}})
    with local_source(place) as root:
        assert root is not None
        inventory, found, entered = _look_into(root, enter=not is_archive(data_uri))
        if not found:
            raise no_labels(data_uri, inventory)
        candidate = _pick(found, task, data_uri)
        root_name = "/".join((root_name.rstrip("/"), *entered)) if entered else root_name
        survey = survey_source(candidate, inventory, root_name)
    machine = look()
    choices = choose(survey, machine)
    written = modules(survey, choices, machine, name)
    config = _write(folder, _texts(written, _header(survey, name, folder)))
    where = f", in {'/'.join(entered)}" if entered else ""
    return Project(folder, survey, f"{candidate.found}{where}", machine, choices, config)


def _look_into(root: Path, enter: bool) -> tuple[Inventory, list[Candidate], tuple[str, ...]]:
    """Return the files, the ways to read them, and the folders that were entered to find any.

    A folder is entered where it is all that its parent holds, and nothing can be read in the parent.
    """
    outermost, inside = None, root
    while True:
        inventory = take_inventory(inside)
        outermost = outermost or inventory
        found = candidates(inventory)
        if found:
            return inventory, found, inside.relative_to(root).parts
        entries = [entry for entry in inside.iterdir() if not is_hidden(entry.name)]
        if not enter or len(entries) != 1 or not entries[0].is_dir() or split_of(entries[0].name):
            return outermost, [], ()
        inside = entries[0]


def _pick(found: Sequence[Candidate], task: str | None, place: str) -> Candidate:
    """Return the one candidate.

    Raises:
        UserError: None is for the task, or there are several and the task does not decide.
    """
    fitting = [
        candidate
        for candidate in found
        if task == candidate.task or (task is None and not candidate.on_request)
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = [f"{candidate.found}: {candidate.task}" for candidate in fitting or found]
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
    return re.sub(r"[^\w.-]+", "-", last).strip("-._")[:_LONGEST_NAME].rstrip("-._") or "dataset"


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise UserError(f"--name: {error}") from error


def _root(uri: str, folder: Path) -> str:
    """Return the place as the files will name it: relative where it lies below them, else in full."""
    path = local_path(uri)
    if path is None:
        return uri
    absolute, home = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    below = absolute != home and absolute.is_relative_to(home)
    return str(absolute.relative_to(home)) if below else str(absolute)


def _texts(written: Mapping[str, Written], header: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the text of each module.

    Raises:
        UserError: It would not be read back as what is meant.
    """
    try:
        view = parse_view(dump({module: made.content for module, made in written.items()}))
    except ConfigError as error:
        raise UserError([f"cannot be written: {line}" for line in error.problems]) from error
    texts = {}
    for module, made in written.items():
        models: BaseModel = view.need(module)  # type: ignore[arg-type]
        texts[module] = write_module(module, made.content, models, made.reasons, header[module])
        _check_read_back(module, made.content, parse(texts[module], module).value)
    return texts


def _check_read_back(module: str, meant: Mapping[str, Any], read: Any) -> None:
    read = read.get(module) if isinstance(read, dict) else None
    keys = [key for key, value in meant.items() if not isinstance(read, dict) or read.get(key) != value]
    if keys:
        named = ", ".join(f"{module}.{key}" for key in keys)
        raise UserError(
            f"{module}.yaml cannot be written: {named} would not be read back as found; rename what it names "
            "with plain letters and digits"
        )


def _header(survey: Survey, name: str, folder: Path) -> dict[str, list[str]]:
    """Return the lines at the head of each file."""
    command = "kubepresso run" if survey.task == "classification" else "kubepresso prepare"
    place = shlex.quote(str(folder))
    run = f"Run all six files of this folder with:  {command} {place}"
    return {module: [f"{name}: {title}.", run] for module, title in TITLES.items()}


def _write(folder: Path, texts: Mapping[str, str]) -> Config:
    """Write the files beside their places, read them as every step will, then let them take their places."""
    with placed(folder) as staging:
        texts_to(staging, texts)
        config = load_config(str(staging))
        if config.warnings:
            raise UserError([f"the files would be read with a warning: {line}" for line in config.warnings])
    return load_config(str(folder))
