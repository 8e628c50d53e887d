"""The files of a configuration: a folder or prefix with a file a module, or one file with all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from kubepresso import storage
from kubepresso.config.config import MODULES, OPTIONAL_MODULES, owners
from kubepresso.config.document import Document, parse
from kubepresso.config.explain import suggest
from kubepresso.config.problems import Mark, Problem
from kubepresso.config.text import MAX_BYTES
from kubepresso.errors import UserError

_SUFFIXES = (".yaml", ".yml")
#: Also DATA.YAML and data.yaml.txt, which are meant to be modules.
_LIKE_YAML = re.compile(r"[^.].*\.ya?ml\b", re.IGNORECASE)


@dataclass(frozen=True)
class _File:
    uri: str
    modules: tuple[str, ...]


def read_modules(uri: str) -> Document:
    """Read all modules behind a URI into one document with their places.

    Args:
        uri: A folder, prefix or file: a plain path, ``file://`` or ``s3://``.

    Returns:
        The document; missing and strange modules are among its problems, and files that cannot be read.

    Raises:
        UserError: The place is not there or does not answer.
    """
    merged = Document(value={})
    files = [_File(uri, MODULES)] if uri.lower().endswith(_SUFFIXES) else list(_files_of_folder(uri, merged))
    with ThreadPoolExecutor(len(MODULES)) as pool:
        documents = list(pool.map(_read, files))
    for file, document in zip(files, documents, strict=True):
        _merge(merged, document, file)
    return merged


def _read(file: _File) -> Document:
    try:
        content = storage.read_bytes(file.uri, MAX_BYTES + 1)
    except UserError as error:
        parts = [problem.partition(": ") for problem in error.problems]
        return Document(problems=[Problem(Mark(place), (), text) for place, _, text in parts])
    return parse(content, file.uri)


def _files_of_folder(uri: str, merged: Document) -> Iterator[_File]:
    names = {entry.key for entry in storage.list_files(uri, below=False)}
    for module in MODULES:
        found = sorted(names & {module + suffix for suffix in _SUFFIXES})
        if len(found) > 1:
            merged.problems.append(
                Problem(Mark(uri), (module,), f"two files, {' and '.join(found)}; remove one")
            )
        elif found:
            yield _File(storage.join(uri, found[0]), (module,))
        elif module not in OPTIONAL_MODULES:
            known = {name + suffix for name in MODULES for suffix in _SUFFIXES}
            others = sorted(name for name in names - known if _LIKE_YAML.match(name))
            near = suggest(f"{module}.yaml", others)
            there = f"; other files there: {', '.join(others[:8])}" if others else ""
            text = f"module missing; add {module}.yaml with the key {module}{there}{near}"
            merged.problems.append(Problem(Mark(uri), (module,), text))


def _merge(merged: Document, document: Document, file: _File) -> None:
    merged.problems += document.problems
    if document.problems and document.value is None:
        return
    if not isinstance(document.value, dict):
        alone = len(file.modules) == 1
        form = f"the line `{file.modules[0]}:` and, indented below it, its keys" if alone else ""
        needed = form or f"the keys {', '.join(file.modules)}"
        text = f"{'is empty' if document.value is None else 'not in the form of a module'}; write {needed}"
        merged.problems.append(Problem(Mark(file.uri, 1, 1), file.modules[:1] * alone, text))
        return
    for name, value in document.value.items():
        if name in file.modules:
            merged.value[name] = value
        else:
            text = _stray(name, file.modules)
            merged.problems.append(Problem(document.keys[(name,)], (name,), text))
    for name in set(file.modules) - set(document.value) - set(OPTIONAL_MODULES):
        text = f"module missing; add the key {name} to this file{_of_six(file)}"
        merged.problems.append(Problem(Mark(file.uri, 1, 1), (name,), text))
    merged.keys.update(document.keys)
    merged.values.update(document.values)


def _stray(name: str, modules: tuple[str, ...]) -> str:
    """Say where a key that begins in the first column belongs."""
    if name in MODULES:
        return f"belongs in {name}.yaml; this file holds {modules[0]}"
    places = [module for module in owners(name) if module in modules] or owners(name)
    if places:
        other = "" if places[0] in modules else f" of {places[0]}.yaml"
        return f"is a key of {' and of '.join(places)}; indent it below the line `{places[0]}:`{other}"
    return f"unknown module; this file holds {', '.join(modules)}{suggest(name, modules)}"


def _of_six(file: _File) -> str:
    """Say what to give instead of one file of six."""
    alone = len(file.modules) > 1 and PurePosixPath(file.uri).stem.lower() in MODULES
    return "; or give the folder, where each module has a file" if alone else ""
