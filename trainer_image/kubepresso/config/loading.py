"""From a URI or a text to typed modules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from kubepresso.config import checks, problems
from kubepresso.config.config import MODULES, OPTIONAL_MODULES, Config, View, owners
from kubepresso.config.document import Document, parse
from kubepresso.config.explain import explain, suggest
from kubepresso.config.overrides import apply
from kubepresso.config.problems import ConfigError, Problem
from kubepresso.config.sources import read_modules
from kubepresso.config.written import mark_of, mark_of_key, written_keys
from kubepresso.errors import UserError


def load_config(uri: str, overrides: Sequence[str] = ()) -> Config:
    """Load and check all six modules.

    Args:
        uri: A folder or prefix with a file a module (``data.yaml`` and so on), or one file with all modules:
            a plain path, ``file://`` or ``s3://``. ``logging`` and ``environment`` may be left out.
        overrides: Dotted overrides, for example ``training.epochs=3``; the value is YAML.

    Returns:
        The configuration; its ``warnings`` hold what is allowed, yet likely not meant.

    Raises:
        ConfigError: Every problem of all modules at once.
    """
    try:
        document = read_modules(uri)
    except UserError as error:
        raise ConfigError(error.problems) from error
    apply(document, overrides)
    view = _build(document)
    modules: dict[str, Any] = view.present()
    config = Config.model_construct(None, **modules).with_findings(view.warnings, view.untrainable)
    return config.with_written(written_keys(document))


def parse_view(text: str) -> View:
    """Read back what :meth:`Config.to_yaml` wrote.

    Args:
        text: YAML with some of the modules.

    Raises:
        ConfigError: Every problem at once.
    """
    document = parse(text, "view")
    if not document.problems and not isinstance(document.value, dict):
        raise ConfigError(f"view:1:1: must be a mapping with some of the keys {', '.join(MODULES)}")
    return _build(document)


def digest(text: str) -> str:
    """Return ``sha256:`` and a digest of the values in a YAML text: order of keys and form do not count.

    Raises:
        ConfigError: The text is not YAML.
    """
    document = parse(text, "text")
    if document.problems:
        raise ConfigError(problems.lines(document.problems))
    canonical = json.dumps(document.value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _build(document: Document) -> View:
    """Validate each module by itself, then check what must fit together, and raise everything at once."""
    found = list(document.problems)
    present: dict[str, Any] = {}
    for name, value in document.value.items() if isinstance(document.value, dict) else ():
        if name not in MODULES:
            meant = " or ".join(f"{module}.{name}" for module in owners(name))
            near = f"; did you mean {meant}?" if meant else suggest(name, MODULES)
            text = f"unknown module; allowed: {', '.join(MODULES)}{near}"
            found.append(Problem(mark_of(document, (name,)), (name,), text))
        elif value is None and name in OPTIONAL_MODULES:
            present[name] = View.model_class(name)()
        else:
            model = View.model_class(name)
            try:
                present[name] = model.model_validate(value)
            except ValidationError as error:
                for inner, text, of_key in explain(error, model, value):
                    path = (name, *inner)
                    mark = mark_of_key(document, path) if of_key else mark_of(document, path)
                    elsewhere = owners(str(path[1])) if of_key and len(path) == 2 else []
                    hint = f"; it is a key of {' and '.join(elsewhere)}" if elsewhere else ""
                    found.append(Problem(mark, path, f"{text}{hint}"))
    view = View.model_construct(**present)
    findings = list(checks.find(view))
    found += [_problem(document, finding) for finding in findings if finding.fatal]
    if found:
        raise ConfigError(problems.lines(found))
    return view.with_findings(
        problems.lines(_problem(document, finding) for finding in findings),
        problems.lines(_problem(document, finding) for finding in checks.find_untrainable(view)),
    )


def _problem(document: Document, finding: checks.Finding) -> Problem:
    return Problem(mark_of(document, finding.path), finding.path, finding.text)
