"""The rules of a CRD that its schema cannot say: ``x-kubernetes-validations``, in CEL."""

import functools

import celpy

_ENVIRONMENT = celpy.Environment()
#: Of a value that was not there before: rules that compare with it are not asked.
NOTHING = object()


@functools.cache
def _program(rule: str) -> celpy.Runner:
    return _ENVIRONMENT.program(_ENVIRONMENT.compile(rule))


def broken_rules(schema: dict, new, old=NOTHING, place: str = ""):
    """Yield what is wrong with a value that fits its schema, beside the value that it replaces."""
    for rule in schema.get("x-kubernetes-validations", []):
        if not _holds(rule["rule"], new, old):
            yield f"{place or 'object'}: {rule.get('message', rule['rule'])}"
    if isinstance(new, dict):
        for name, value in new.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                before = old.get(name, NOTHING) if isinstance(old, dict) else NOTHING
                yield from broken_rules(inner, value, before, f"{place}.{name}".lstrip("."))
    elif isinstance(new, list) and "items" in schema:
        for index, value in enumerate(new):
            yield from broken_rules(schema["items"], value, _same(schema, value, old), f"{place}[{index}]")


def _holds(rule: str, new, old) -> bool:
    if "oldSelf" not in rule:
        return bool(_program(rule).evaluate({"self": celpy.json_to_cel(new)}))
    if old is NOTHING:
        return True
    values = {"self": celpy.json_to_cel(new), "oldSelf": celpy.json_to_cel(old)}
    return bool(_program(rule).evaluate(values))


def _same(schema: dict, value: dict, old):
    """Return what an entry of a list was before: known by its keys in a map, and in no other list."""
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys is None or not isinstance(old, list):
        return NOTHING
    wanted = [value.get(key) for key in keys]
    return next((entry for entry in old if [entry.get(key) for key in keys] == wanted), NOTHING)
