"""What is wrong with a text that is no YAML, said for whoever does not know YAML's grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from kubepresso.config.problems import Mark
from kubepresso.config.text import BREAK, find_unseen

_CONFLICT = re.compile(r"<{7} |={7}$|>{7} ")
_TAB = "a tab; indent with spaces"
_NO_COLON = "a key without its colon; write key: value, with a space after the colon"
_AFTER_A_VALUE = (
    "the value before this has ended; put the whole value in quotes, or close a quote above where it ends"
)
#: By a part of libyaml's words: whether the trouble began before the place that it names, and what to say.
#: {word} is what stands at that place, {name} the same without its first character, {first} an earlier line.
_SAID = (
    ("tab character", False, _TAB),
    ("undefined alias", False, "{word} refers to nothing: there is no &{name} above it in this file"),
    ("duplicate anchor", False, "{word} is given twice, first in line {first}; give one another name"),
    ("alphabetic or numeric", True, "text that begins with * or & must stand in quotes"),
    ("',' or ']'", True, "the [ that opens here is not closed, or a comma is missing in it"),
    ("',' or '}'", True, "the {{ that opens here is not closed, or a comma is missing in it"),
    ("expected ':'", True, _NO_COLON),
    ("unexpected end of stream", True, "the quote that opens here is not closed"),
    ("unexpected document indicator", True, "the quote that opens here is not closed"),
    ("escape character", False, "a backslash in double quotes means something else; use single quotes"),
    ("hexdecimal", False, "a backslash in double quotes means something else; use single quotes"),
    ("single document", False, "--- begins a second document, and a file holds one; remove this line"),
    ("block sequence entries", False, "a list begins in the line below its key; put this dash there"),
    ("expected '-'", False, "the list from line {first} goes on without its dash; begin items in one column"),
    ("comment or line break", True, "text that begins with | or > must stand in quotes"),
    ("mapping keys are not", False, "text that begins with ? must stand in quotes"),
    ("node content", False, "a value is missing here"),
    ("document start", False, _AFTER_A_VALUE),
    ("directive", True, "text that begins with % must stand in quotes"),
    ("tag", True, "text that begins with ! must stand in quotes"),
)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[Mark, str]:
    """Say where the trouble is and what to do.

    Args:
        error: What libyaml raised.
        text: What it was given.
    """
    lines = BREAK.split(text)
    at = _mark(error.problem_mark or error.context_mark)
    since = _mark(error.context_mark) if error.context_mark is not None else at
    return _find_stray(lines, at) or _find_words(error, lines, at, since)


def _find_stray(lines: Sequence[str], at: Mark) -> tuple[Mark, str] | None:
    """Find what an editor does not show near the place, or what a version control has left."""
    for number, line in enumerate(lines, 1):
        if _CONFLICT.match(line):
            return Mark("", number, 1), "a mark of a merge conflict; keep one side, remove the marks"
    for number in range(max(1, at.line - 1), min(at.line, len(lines)) + 1):
        if unseen := find_unseen(lines[number - 1]):
            return Mark("", number, unseen[0] + 1), unseen[1]
    return None


def _find_words(error: yaml.MarkedYAMLError, lines: Sequence[str], at: Mark, since: Mark) -> tuple[Mark, str]:
    said = " ".join(f"{error.context or ''} {error.problem or ''}".split())
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    before, rest = line[: at.column - 1], line[at.column - 1 :]
    if "mapping values are not allowed" in said:
        return _explain_colon(lines, at, before)
    if "cannot start any token" in said:
        return at, _TAB if rest[:1] == "\t" else f"text that begins with {rest[:1]} must stand in quotes"
    if "expected key" in said:
        return at, _AFTER_A_VALUE if before.strip() else _unlike(at)
    for words, earlier, text in _SAID:
        if words in said:
            word = re.split(r"[\s,\]}]", rest, maxsplit=1)[0]
            return since if earlier else at, text.format(word=word, name=word[1:], first=since.line)
    return at, f"not YAML: {said}"


def _explain_colon(lines: Sequence[str], at: Mark, before: str) -> tuple[Mark, str]:
    """Explain a key that cannot begin a mapping where it stands: mostly for what the line above it is."""
    if ": " in before:
        return at, "a second colon in one line; put text that holds a colon in quotes"
    above = [number for number in range(1, at.line) if lines[number - 1].partition("#")[0].strip()]
    number = above[-1] if above else at.line
    line = lines[number - 1]
    start = Mark("", number, len(line) - len(line.lstrip()) + 1)
    if re.match(r"\s*-\w", line):
        return start, "a dash without its space; write - and a space before each item"
    if not re.search(r":(\s|$)|^\s*-", line):
        return start, _NO_COLON
    return at, (
        "indented deeper than the line above, which has its value already; begin both in the same column"
    )


def _unlike(at: Mark) -> str:
    return (
        f"indented by {at.column - 1} space{'s' * (at.column != 2)}, unlike the lines above it; keys that "
        "belong together begin in the same column"
    )


def _mark(mark: Any) -> Mark:
    return Mark("", mark.line + 1, mark.column + 1) if mark is not None else Mark("", 1, 1)
