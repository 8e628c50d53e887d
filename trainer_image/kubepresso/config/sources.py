"""The files of a configuration: a folder or prefix with a file a module, or one file with all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kubepresso import storage
from kubepresso.config.config import MODULES, OPTIONAL_MODULES
from kubepresso.config.document import MAX_BYTES, Document, parse
from kubepresso.config.explain import suggest
from kubepresso.config.problems import Mark, Problem

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class _File:
    uri: str
    modules: tuple[str, ...]


def read_modules(uri: str) -> Document:
    """Read all modules behind a URI into one document with their places.

    Args:
        uri: A folder, prefix or file: a plain path, ``file://`` or ``s3://``.

    Returns:
        The document; missing and strange modules are among its problems.

    Raises:
        UserError: The place is not there or does not answer.
    """
    merged = Document(value={})
    files = [_File(uri, MODULES)] if uri.lower().endswith(_SUFFIXES) else list(_files_of_folder(uri, merged))
    with ThreadPoolExecutor(len(MODULES)) as pool:
        contents = list(pool.map(lambda file: storage.read_bytes(file.uri, MAX_BYTES + 1), files))
    for file, content in zip(files, contents, strict=True):
        _merge(merged, parse(content, file.uri), file)
    return merged


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
            others = sorted(name for name in names - known if name.endswith(_SUFFIXES))
            near = suggest(f"{module}.yaml", others)
            there = f"; other files there: {', '.join(others[:8])}" if others else ""
            text = f"module missing; add {module}.yaml with the key {module}{there}{near}"
            merged.problems.append(Problem(Mark(uri), (module,), text))


def _merge(merged: Document, document: Document, file: _File) -> None:
    merged.problems += document.problems
    if document.problems and document.value is None:
        return
    if not isinstance(document.value, dict):
        allowed = ", ".join(file.modules)
        text = f"must be a mapping with the key{'s' * (len(file.modules) > 1)} {allowed}"
        merged.problems.append(
            Problem(Mark(file.uri, 1, 1), file.modules[:1] * (len(file.modules) == 1), text)
        )
        return
    for name, value in document.value.items():
        if name in file.modules:
            merged.value[name] = value
        else:
            text = f"unknown module; this file holds {', '.join(file.modules)}{suggest(name, file.modules)}"
            merged.problems.append(Problem(document.keys[(name,)], (name,), text))
    for name in set(file.modules) - set(document.value) - set(OPTIONAL_MODULES):
        text = f"module missing; add the key {name} to this file"
        merged.problems.append(Problem(Mark(file.uri, 1, 1), (name,), text))
    merged.keys.update(document.keys)
    merged.values.update(document.values)
