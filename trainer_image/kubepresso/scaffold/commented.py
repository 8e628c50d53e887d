"""A module of the configuration as YAML with a comment on each key, taken from the models that read it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from kubepresso.config.document import dump_line

_WIDTH = 110
#: Comments begin here where their lines are short enough.
_COLUMN = 40


@dataclass(frozen=True)
class _Line:
    """A line, what is said beside it, and what is said above it."""

    text: str
    comment: str = ""
    reason: str = ""


def write_module(
    name: str,
    content: Mapping[str, Any],
    parsed: BaseModel,
    reasons: Mapping[str, str],
    header: Sequence[str] = (),
) -> str:
    """Write one module.

    Args:
        name: Of the module, its top-level key.
        content: The keys to write.
        parsed: The same, read by its model: the models' descriptions are the comments.
        reasons: By dotted key below the module, why a value was chosen; it stands above the key.
        header: Lines at the head of the file.

    Returns:
        YAML text that reads back to ``content``.
    """
    lines = list(_mapping(content, parsed, "", 2, reasons))
    lines = list(_said_once(lines))
    head = "".join(f"# {line}".rstrip() + "\n" for line in header)
    return f"{head}{name}:\n{_aligned(lines)}"


def _mapping(
    content: Mapping[str, Any], parsed: Any, path: str, indent: int, reasons: Mapping[str, str]
) -> Iterator[_Line]:
    for key, value in content.items():
        inner = f"{path}.{key}" if path else str(key)
        model = getattr(parsed, str(key), None)
        comment, reason = _description(parsed, str(key)), reasons.get(inner, "")
        start = f"{' ' * indent}{dump_line(key)}:"
        if isinstance(value, Mapping) and isinstance(model, BaseModel) and not _is_leaf(model, value):
            yield _Line(start, comment, reason)
            yield from _mapping(value, model, inner, indent + 2, reasons)
        elif _is_entries(value):
            yield _Line(start, comment, reason)
            yield from _entries(value, model, inner, indent + 2, reasons)
        else:
            first, *more = _wrapped(f"{start} ", value)
            yield _Line(first, comment, reason)
            yield from map(_Line, more)


def _entries(
    values: Sequence[Mapping[str, Any]], models: Any, path: str, indent: int, reasons: Mapping[str, str]
) -> Iterator[_Line]:
    """Write a list of entries, a line each, with what each does; deep ones over several lines."""
    for index, value in enumerate(values):
        model = models[index] if isinstance(models, Sequence) else None
        comment = _first_sentence(model) if {"name", "criterion"} & value.keys() else ""
        start = f"{' ' * indent}- "
        reason = reasons.get(f"{path}.{index}", "")
        if len(f"{start}{dump_line(value)}") <= _WIDTH:
            yield _Line(f"{start}{dump_line(value)}", comment, reason)
            continue
        for number, (key, item) in enumerate(value.items()):
            lead = start if number == 0 else " " * len(start)
            first, *more = _wrapped(f"{lead}{dump_line(key)}: ", item)
            yield _Line(first, comment if number == 0 else "", reason if number == 0 else "")
            yield from map(_Line, more)


def _is_entries(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _is_leaf(model: BaseModel, value: Mapping[str, Any]) -> bool:
    """Tell whether a mapping is said in one line: its keys are plain and speak for themselves."""
    return type(model).__name__ in ("SplitPath", "PathPattern") and all(
        not isinstance(item, Mapping) for item in value.values()
    )


def _description(parsed: Any, key: str) -> str:
    """Return what the model says of a key; nothing where that is no more than the key's own name."""
    fields = type(parsed).model_fields if isinstance(parsed, BaseModel) else {}
    text = ((fields[key].description if key in fields else None) or "").replace("`", "").rstrip(".")
    return "" if text.partition(";")[0].lower().replace(" ", "_") in (key, f"{key}s") else text


def _first_sentence(model: Any) -> str:
    text = " ".join((type(model).__doc__ or "").split("\n\n")[0].split())
    return text.replace("`", "").rstrip(".") if isinstance(model, BaseModel) else ""


def _wrapped(start: str, value: Any) -> list[str]:
    """Write ``start`` and a value, a long list or mapping over several lines."""
    whole = f"{start}{dump_line(value)}"
    if len(whole) <= _WIDTH or not isinstance(value, Sequence | Mapping) or isinstance(value, str):
        return [whole]
    items = (
        [dump_line({key: item})[1:-1] for key, item in value.items()]
        if isinstance(value, Mapping)
        else [dump_line([item])[1:-1] for item in value]
    )
    left, right = "{}" if isinstance(value, Mapping) else "[]"
    lines, line = [], f"{start}{left}"
    indent = " " * len(line)
    for number, item in enumerate(items):
        piece = f"{item}{right if number == len(items) - 1 else ','}"
        if line.strip() and len(line) + 1 + len(piece) > _WIDTH and line not in (indent, f"{start}{left}"):
            lines.append(line)
            line = indent
        line += piece if line.endswith(left) or line == indent else f" {piece}"
    return [*lines, line]


def _said_once(lines: Sequence[_Line]) -> Iterator[_Line]:
    """Leave out what was said of an entry of a list before."""
    said: set[str] = set()
    for line in lines:
        entry = line.text.lstrip().startswith("- ")
        yield replace(line, comment="") if entry and line.comment in said else line
        if entry:
            said.add(line.comment)


def _aligned(lines: Sequence[_Line]) -> str:
    """Put comments beside their lines where they fit, shortened if need be, and reasons above."""
    written = []
    for line in lines:
        indent = " " * (len(line.text) - len(line.text.lstrip()))
        start = f"{line.text.ljust(_COLUMN)}  # "
        comment = next((part for part in _shorter(line.comment) if len(start) + len(part) <= _WIDTH), "")
        above = line.reason if comment or line.reason else line.comment
        for paragraph in filter(None, above.split("\n")):
            written += [f"{indent}# {part}" for part in textwrap.wrap(paragraph, _WIDTH - len(indent) - 2)]
        written.append(f"{start}{comment}" if comment else line.text)
    return "".join(f"{line}\n" for line in written)


def _shorter(comment: str) -> Iterator[str]:
    """Yield a comment, then what stands before its last clause, and so on."""
    yield comment
    for separator in (". ", "; "):
        while separator in comment:
            comment = comment.rpartition(separator)[0]
            yield comment
