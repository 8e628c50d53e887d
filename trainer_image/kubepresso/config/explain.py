"""What pydantic found, said for whoever wrote the YAML: where, what is allowed, what was likely meant."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kubepresso.config.base import Section
from kubepresso.config.document import parse
from kubepresso.config.problems import Path

#: Problems of one module that are explained; who has more of them has another mistake.
_MOST = 200
_QUOTED = re.compile(r"'([^']*)'")
#: Said of a type: what the value must be.
_KINDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "none_required": "null",
    "finite_number": "a finite number",
}
#: What a text must read as to be said to be of a kind.
_MEANT: dict[str, tuple[type, ...]] = {
    "int_type": (int,),
    "float_type": (int, float),
    "bool_type": (bool,),
    "kind": (int, list),
}
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
#: Said of a bound: the words before the number, and its name in pydantic's context.
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def explain(error: ValidationError, model: type[Section], value: Any) -> Iterator[tuple[Path, str, bool]]:
    """Give a path from ``value``, a text, and whether the key itself is wrong, for each problem.

    Args:
        error: What ``model`` raised.
        model: The model of the module.
        value: What was given to it.
    """
    texts: dict[Path, tuple[str, bool]] = {}
    for detail in error.errors(include_url=False)[:_MOST]:
        path, text = _explain(detail, _without_tags(detail, value), model, value)
        # Each item that a list lacks is missing at the list's own path: the last one says how many it needs.
        if path not in texts or detail["type"] == "missing":
            texts[path] = (text, detail["type"] == "extra_forbidden")
    above = {path[:depth] for path in texts for depth in range(len(path))}
    for path, (text, of_key) in texts.items():
        # A list whose items are bad counts as too short as well: the items say it better.
        if path not in above:
            yield path, text, of_key


def _number(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def suggest(word: Any, allowed: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or nothing where no allowed word is near."""
    near = difflib.get_close_matches(
        "" if word is None else str(word).lower(), list(allowed), n=1, cutoff=0.6
    )
    return f"; did you mean {near[0]!r}?" if near else ""


def show(value: Any) -> str:
    """Write a value as YAML has it, cut where it is long, with what cannot be seen as its code."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _mend(kind: str, given: Any) -> str:
    """Say how a value of another kind is written as the kind that is due, where a mark is all it takes."""
    if kind == "string_type":
        return "; put it in quotes" if isinstance(given, bool | int | float) else ""
    if isinstance(given, str):
        return _mend_text(kind, given)
    if _KINDS[kind] == "a mapping" and given is None:
        return "; indent its keys below it"
    if _KINDS[kind] == "a mapping" and isinstance(given, list) and len(given) == 1:
        return "; remove the dash before its first key"
    return "; put a dash before each item" if _KINDS[kind] == "a list" and isinstance(given, dict) else ""


def _mend_text(kind: str, given: str) -> str:
    """Say how a number, a switch or null is written that became text."""
    if given.lower() == "none":
        return "; write null"
    clean = given.strip(" \xa0,;").replace("\N{MINUS SIGN}", "-")
    if kind == "float_type" and _DECIMAL_COMMA.fullmatch(clean):
        clean = clean.replace(",", ".")
    if type(parse(clean, "").value) not in _MEANT.get(kind, ()):
        return ""
    return "; remove the quotes" if clean == given else f"; write {clean}"


def _without_tags(detail: ErrorDetails, value: Any) -> Path:
    """Drop what pydantic puts into a location for the branch of a union: no key of the value has its name."""
    path: list[int | str] = []
    for step in detail["loc"]:
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        ):
            value = value[step]  # type: ignore[index]
            path.append(step)
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else tuple(path)


def _explain(detail: ErrorDetails, path: Path, model: type[Section], value: Any) -> tuple[Path, str]:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    special: Callable[..., tuple[Path, str]] | None = {
        "missing": _missing,
        "extra_forbidden": _unknown_key,
        "union_tag_invalid": _unknown_name,
        "union_tag_not_found": _no_name,
    }.get(kind)
    if special is not None:
        return special(detail, path, model, value)
    if kind in _KINDS:
        return path, f"must be {_KINDS[kind]}, found {show(given)}{_mend(kind, given)}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return path, f"must be {words} {_number(context[key])}, found {show(given)}"
    if kind == "literal_error":
        allowed = _QUOTED.findall(context["expected"])
        return path, f"{show(given)} is not allowed; allowed: {', '.join(allowed)}{suggest(given, allowed)}"
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        count = context["min_length" if few else "max_length"]
        found = context["actual_length"] if context["actual_length"] is not None else "more"
        return (
            path,
            f"must have at {'least' if few else 'most'} {count} item{'s' * (count != 1)}, found {found}",
        )
    if kind == "string_too_short":
        return path, "must not be empty"
    if kind == "string_pattern_mismatch":
        return path, f'must be numbers with commas, for example "0, 1", found {show(given)}'
    if kind == "value_error":
        return path, str(context["error"])
    text = detail["msg"]
    if kind == "kind":
        return path, f"{text}, found {show(given)}{_mend_text(kind, given) if isinstance(given, str) else ''}"
    return path, text[:1].lower() + text[1:]


def _missing(detail: ErrorDetails, path: Path, model: type[Section], value: Any) -> tuple[Path, str]:
    if isinstance(detail["loc"][-1], int):
        return path[:-1], f"must have at least {detail['loc'][-1] + 1} items, found {len(detail['input'])}"
    section = _section_at(path[:-1], model, value)
    field = section.model_fields.get(str(path[-1])) if section else None
    about = f" ({field.description.rstrip('.')})" if field and field.description else ""
    return path, f"missing; add it{about}"


def _unknown_key(detail: ErrorDetails, path: Path, model: type[Section], value: Any) -> tuple[Path, str]:
    section = _section_at(path[:-1], model, value)
    allowed = list(section.model_fields) if section else []
    shown = f"; allowed: {', '.join(allowed)}" if allowed else ""
    return path, f"unknown key{shown}{suggest(path[-1], allowed)}"


def _unknown_name(detail: ErrorDetails, path: Path, model: type[Section], value: Any) -> tuple[Path, str]:
    context = detail["ctx"]
    allowed = _QUOTED.findall(context["expected_tags"])
    key = context["discriminator"].strip("'")
    given = detail["input"].get(key, context["tag"])
    return (*path, key), f"{show(given)} is not known; allowed: {', '.join(allowed)}{suggest(given, allowed)}"


def _no_name(detail: ErrorDetails, path: Path, model: type[Section], value: Any) -> tuple[Path, str]:
    key = detail["ctx"]["discriminator"].strip("'")
    return (*path, key), "missing; it says which entry this is"


def _section_at(path: Path, model: type[Section], value: Any) -> type[Section] | None:
    """Find the model that describes the mapping at a path."""
    candidates = [model]
    for step in path:
        if isinstance(step, int):  # an item has the candidates of its list
            value = value[step] if isinstance(value, list) else None
            continue
        section = _choose(candidates, value)
        annotation = section.type_of(step, value) if section else None
        if annotation is None or not isinstance(value, dict):
            return None
        candidates = _sections(annotation)
        value = value.get(step)
    return _choose(candidates, value)


def _sections(annotation: Any) -> list[type[Section]]:
    """List the models inside an annotation, whatever optional, list or union they stand in."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _choose(candidates: list[type[Section]], value: Any) -> type[Section] | None:
    if len(candidates) == 1:
        return candidates[0]
    for section in candidates:
        for key in ("name", "criterion"):
            field = section.model_fields.get(key)
            given = value.get(key, "") if isinstance(value, dict) else ""
            if field is not None and field.default == str(given).strip().lower():
                return section
    named = isinstance(value, dict) and {"name", "criterion"} & set(value)
    return None if named else next((section for section in candidates if section.name_optional), None)
