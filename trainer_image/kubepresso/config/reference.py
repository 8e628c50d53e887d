"""The reference of all keys in Markdown, from the same models that read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubepresso.config.base import LARGEST
from kubepresso.config.config import MODULES
from kubepresso.config.schema import json_schema

_HEADER = """# Configuration

Six modules, each a file (`data.yaml` and so on) of one folder or prefix, or all in one file. `logging` and
`environment` may be left out. Written by `kubepresso schema --markdown` from the models in
`trainer_image/kubepresso/config/`; a test holds it to them.

- No integer is greater than 10⁹.
- Names of transforms, losses, optimizers and the like are read in any case.
- `kubepresso validate URI` reports every problem at once, with its line and column. `prepare` and `run` name
  them too, for what a step finds wrong with a key once it sees the data.
- Any key can be set from the command line: `training.epochs=3`, `augmentation.train.0.size=64`,
  `training.ema=null`.
- Completion in an editor: `kubepresso schema --module data > data.schema.json`, and the first line of
  `data.yaml` is `# yaml-language-server: $schema=data.schema.json`
"""


def markdown() -> str:
    """Return the reference."""
    definitions = json_schema()["$defs"]
    sections = _Sections(definitions)
    parts = [_HEADER]
    for module in MODULES:
        reference = json_schema(module)["properties"][module]
        section = definitions[_target(reference)]
        parts.append(f"## {module}\n\n{section['description']}\n")
        parts += sections.of(section, module)
    return "\n".join(parts)


class _Sections:
    """Writes a section's table and then those of the named entries in it."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.written: dict[tuple[str, ...], str] = {}

    def of(self, section: dict[str, Any], path: str) -> Iterator[str]:
        rows = list(self._rows(section, path))
        yield "| key | value | default | meaning |\n|---|---|---|---|\n" + "".join(row for row, _ in rows)
        for _, (inner_path, names) in rows:
            if names:
                first = self.written.setdefault(tuple(names), inner_path)
                again = f"\nThe entries of `{first}`.\n" if first != inner_path else ""
                yield f"### {inner_path}\n{again}"
                for name in names if first == inner_path else ():
                    yield from self._entry(self.definitions[name])

    def _entry(self, section: dict[str, Any]) -> Iterator[str]:
        properties = section["properties"]
        key = "name" if "name" in properties else "criterion"
        yield f"#### `{key}: {properties[key]['const']}`\n\n{section['description']}\n"
        rest = {**section, "properties": {name: value for name, value in properties.items() if name != key}}
        if rest["properties"]:
            yield from self.of(rest, "")

    def _rows(self, section: dict[str, Any], path: str) -> Iterator[tuple[str, tuple[str, list[str]]]]:
        required = section.get("required", ())
        for key, value in section["properties"].items():
            if value.get("deprecated"):
                continue
            inner = f"{path}.{key}" if path else key
            names = self._named(value)
            branches = _branches(value)
            plain = [] if names else [_target(part) for part in branches if "$ref" in part]
            if plain:
                yield from self._inner_rows(plain, inner)
                continue
            kind = self._entries(value) if names else self._kind(value)
            items = [] if names else [part["items"] for part in branches if "$ref" in part.get("items", {})]
            default = "required" if key in required or "default" not in value else _shown(value["default"])
            yield f"| `{inner}` | {kind} | {default} | {value['description']} |\n", (inner, names)
            for item in items:
                yield from self._rows(self.definitions[_target(item)], f"{inner}.N")

    def _inner_rows(self, targets: list[str], path: str) -> Iterator[tuple[str, tuple[str, list[str]]]]:
        """Write the rows of a mapping; where another key chooses among several, each says when it holds."""
        for target in targets:
            section = self.definitions[target]
            when = f" {section['description']}" if len(targets) > 1 else ""
            for row, names in self._rows(section, path):
                yield row.replace(" |\n", f"{when} |\n") if when else row, names

    def _named(self, value: dict[str, Any]) -> list[str]:
        """List the definitions which a name chooses from; empty where none does."""
        parts = _branches(value)
        parts = [inner for part in parts for inner in _branches(part.get("items", part))]
        targets = [_target(part) for part in parts if "$ref" in part]
        properties = [self.definitions[target]["properties"] for target in targets]
        named = [p for p in properties if "const" in p.get("name", p.get("criterion", {}))]
        return targets if named else []

    def _entries(self, value: dict[str, Any]) -> str:
        return "list of entries" if any("items" in part for part in _branches(value)) else "entry"

    def _kind(self, value: dict[str, Any]) -> str:
        return " or ".join(dict.fromkeys(_kind(part) for part in _branches(value)))


def _branches(value: dict[str, Any]) -> list[dict[str, Any]]:
    for keyword in ("anyOf", "oneOf"):
        if keyword in value:
            return [inner for part in value[keyword] for inner in _branches(part)]
    return [value]


def _target(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _kind(value: dict[str, Any]) -> str:
    branches = _branches(value)
    if len(branches) > 1:
        return " or ".join(dict.fromkeys(map(_kind, branches)))
    if "$ref" in value:
        return "mappings"
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    kind = value.get("type")
    if kind == "array":
        if "prefixItems" in value:
            return f"[{', '.join(_kind(item) for item in value['prefixItems'])}]"
        return f"list of {' or '.join(_kind(part) for part in _branches(value['items']))}"
    if kind == "object":
        return "mapping"
    names = {
        "string": "text",
        "boolean": "true, false",
        "integer": "integer",
        "number": "number",
        "null": "null",
    }
    return names[str(kind)] + _bounds(value)


def _bounds(value: dict[str, Any]) -> str:
    value = {key: bound for key, bound in value.items() if bound not in (LARGEST, -LARGEST)}
    if "minimum" in value and "maximum" in value:
        return f" from {value['minimum']:g} to {value['maximum']:g}"
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {value[key]:g}" for key, sign in words.items() if key in value)


def _shown(default: Any) -> str:
    return f"`{json.dumps(default)}`" if not isinstance(default, dict) else "its defaults"
