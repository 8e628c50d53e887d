"""JSON Schema of the modules, for editors."""

from __future__ import annotations

from typing import Any

from kubepresso.config.config import MODULES, Config, Module

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(module: Module | None = None) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one file.

    Args:
        module: The file holds this one module; None: the file holds all six.
    """
    whole = Config.model_json_schema()
    wanted = MODULES if module is None else (module,)
    properties = {name: whole["properties"][name] for name in wanted}
    schema: dict[str, Any] = {
        "$schema": DRAFT,
        "title": "kubepresso configuration" if module is None else f"kubepresso {module}",
        "type": "object",
        "properties": properties,
        "required": [name for name in wanted if name in whole["required"] or module is not None],
        "additionalProperties": False,
    }
    definitions = whole["$defs"]
    schema["$defs"] = {name: definitions[name] for name in sorted(_used(properties, definitions))}
    result: dict[str, Any] = _without_discriminators(schema)
    return result


def _used(part: Any, definitions: dict[str, Any]) -> set[str]:
    """List the definitions that a part needs, directly or not."""
    found: set[str] = set()
    todo = [part]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo += item
        elif isinstance(item, dict):
            todo += item.values()
            name = str(item.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                todo.append(definitions[name])
    return found


def _without_discriminators(part: Any) -> Any:
    """Drop OpenAPI's keyword, which is none of JSON Schema's."""
    if isinstance(part, list):
        return [_without_discriminators(item) for item in part]
    if isinstance(part, dict):
        return {key: _without_discriminators(item) for key, item in part.items() if key != "discriminator"}
    return part
