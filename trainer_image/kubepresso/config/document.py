"""YAML text to plain values, with the place of every key and value. Untrusted: limits, no tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from kubepresso.config import syntax
from kubepresso.config.problems import Mark, Path, Problem
from kubepresso.config.text import RefusedError, blank_forbidden, decode, find_unseen

MAX_DEPTH = 64
#: Values after aliases are followed, so that a few lines cannot become gigabytes.
MAX_VALUES = 100_000

_PLAIN = "tag:yaml.org,2002:"
_MERGE = f"{_PLAIN}merge"
#: YAML 1.2's floats, which need no dot (1e-5), as OmegaConf reads them.
_FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_INTEGER = re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$")
#: More than any key takes, and few enough for a float.
_MAX_DIGITS = 300


class _Loader(yaml.CSafeLoader):
    """Resolves plain scalars as this project reads them: no dates, no numbers to the base of 60."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag.removeprefix(_PLAIN) in ("bool", "null", "merge")
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.CSafeDumper):
    """Writes without anchors: a text shows every value where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never refer back."""
        return True


# Text such as '1e5' is then written in quotes.
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(f"{_PLAIN}int", _INTEGER, list("-+0123456789"))
    _class.add_implicit_resolver(f"{_PLAIN}float", _FLOAT, list("-+.0123456789"))


@dataclass
class Document:
    """Parsed values and where they stand.

    Args:
        value: Mappings, lists and scalars.
        keys: Place of each key (or list item), by its path.
        values: Place of each value, by its path.
        problems: What is wrong with the text itself.
    """

    value: Any = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(content: bytes | str, source: str) -> Document:
    """Parse one YAML document.

    Args:
        content: The text, or bytes in UTF-8 or, with a byte order mark, UTF-16.
        source: What problems name, usually the file.

    Returns:
        The document; never raises for bad content, see its ``problems``.
    """
    document = Document()
    try:
        text, odd = blank_forbidden(decode(content))
        document.problems += [Problem(mark.within(source), (), said) for mark, said in odd]
        _check_shape(text)
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            document.value = _Builder(document, source).build(node, (), 0)
    except RefusedError as error:
        document.problems.append(Problem(error.mark.within(source), (), error.text))
    except yaml.MarkedYAMLError as error:
        mark, said = syntax.explain(error, text)
        document.problems.append(Problem(mark.within(source), (), said))
    except yaml.YAMLError as error:
        document.problems.append(Problem(Mark(source, 1, 1), (), " ".join(str(error).split())))
    return document


def dump(content: Any, *, sort_keys: bool = False) -> str:
    """Write plain values as YAML that :func:`parse` reads back to the same.

    PyYAML's own ``safe_dump`` would leave text such as '1e5' without quotes.
    """
    return str(
        yaml.dump(
            content,
            Dumper=_Dumper,
            sort_keys=sort_keys,
            default_flow_style=None,
            width=110,
            allow_unicode=True,
        )
    )


def dump_line(content: Any) -> str:
    """Write plain values as one line of YAML that :func:`parse` reads back to the same."""
    text = str(
        yaml.dump(
            content, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=-1, allow_unicode=True
        )
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _check_shape(text: str) -> None:
    """Refuse deep nesting by the events, before the composer, which takes C stack for each level."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise RefusedError(f"nested deeper than {MAX_DEPTH} levels", _mark(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    """Turns nodes into values. Aliases are followed, so a node may stand below itself: depth ends that."""

    def __init__(self, document: Document, source: str) -> None:
        self.document = document
        self.source = source
        self.count = 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self.count += 1
        mark = _mark(node.start_mark)
        if self.count > MAX_VALUES:
            raise RefusedError(f"more than {MAX_VALUES} values once aliases are followed", mark)
        if depth > MAX_DEPTH:
            raise RefusedError(f"nested deeper than {MAX_DEPTH} levels once aliases are followed", mark)
        self.document.values[path] = mark.within(self.source)
        self.document.keys.setdefault(path, mark.within(self.source))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, "seq", path)
            return [self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        self._check_tag(node, "map", path)
        result: dict[str, Any] = {}
        seen: dict[str, Mark] = {}
        for key_node, value_node, merged in self._pairs(node, path, depth):
            mark = _mark(key_node.start_mark)
            key = self._key(key_node, path)
            if key is None or (merged and key in result):
                continue
            if key in seen and not merged:
                self._add(mark, (*path, key), f"key given twice, first in line {seen[key].line}")
                continue
            if not merged:
                seen[key] = mark
            self.document.keys[(*path, key)] = mark.within(self.source)
            result[key] = self.build(value_node, (*path, key), depth + 1)
        return result

    def _pairs(
        self, node: yaml.MappingNode, path: Path, depth: int
    ) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """Give a mapping's own pairs, then those it merges (``<<``), which fill in what it lacks."""
        merges = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merges.append((value_node, _mark(key_node.start_mark)))
            else:
                yield key_node, value_node, False
        for merge, mark in merges:
            yield from self._merged(merge, mark, path, depth + 1)

    def _merged(
        self, node: yaml.Node, mark: Mark, path: Path, depth: int
    ) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_VALUES:
            raise RefusedError("too much is merged (<<)", _mark(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node, _ in self._pairs(node, path, depth):
                yield key_node, value_node, True
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield from self._merged(item, mark, path, depth + 1)
        else:
            text = "only a mapping can be merged; give an anchor that stands before keys, as in params: &name"
            self._add(mark, (*path, "<<"), text)

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_PLAIN}str":
            unseen = find_unseen(node.value)
            if unseen is None:
                return str(node.value)
            start = _mark(node.start_mark)
            self._add(Mark("", start.line, start.column + unseen[0]), path, unseen[1])
            return None
        shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_PLAIN}int":
            return str(node.value)  # class indices: 0: cat
        self._add(_mark(node.start_mark), path, f"{shown} is no key: a key is text; put it in quotes")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        kind = node.tag.removeprefix(_PLAIN)
        text = node.value
        try:
            if kind == "str":
                if "${" in text:
                    self._add(_mark(node.start_mark), path, "${...} is not filled in; write the value itself")
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return yaml.SafeLoader.bool_values[text.lower()]
            if kind == "int":
                return _integer(text)
            if kind == "float":
                return _float(text)
        except (ValueError, KeyError):
            reason = f"is not {kind}" if len(text) <= _MAX_DIGITS else "... has too many digits"
            self._add(_mark(node.start_mark), path, f"{text[:40]!r} {reason}")
            return None
        self._check_tag(node, "", path)
        return None

    def _check_tag(self, node: yaml.Node, expected: str, path: Path) -> None:
        if node.tag != _PLAIN + expected:
            tag = node.tag.replace(_PLAIN, "!!")
            self._add(_mark(node.start_mark), path, f"the tag {tag} is not allowed; write plain values")

    def _add(self, mark: Mark, path: Path, text: str) -> None:
        self.document.problems.append(Problem(mark.within(self.source), path, text))


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("too many digits")
    sign = -1 if text.startswith("-") else 1
    digits = text.replace("_", "").lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _mark(mark: Any) -> Mark:
    return Mark("", mark.line + 1, mark.column + 1)
