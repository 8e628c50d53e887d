"""From the label values of all splits to class names and indexes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from kubepresso.data.findings import Findings
from kubepresso.data.formats.choosing import renames
from kubepresso.data.formats.naming import classes_of_values, no_such_class, told_apart

Value = int | str | None


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A sample's label as written.

    Args:
        place: Where it stands, for messages.
        value: What stands there.
    """

    place: str
    value: Value


def parse_label(text: str | None) -> Value:
    """Return the index or name in a cell of a table, None where it is empty."""
    stripped = (text or "").strip()
    try:
        return int(stripped)
    except ValueError:
        return stripped or None


def resolve_labels(
    splits: Mapping[str, Sequence[Labelled]],
    names: list[str] | None,
    place: str,
    findings: Findings,
    given: list[str] | None = None,
) -> tuple[list[str], dict[str, list[int | None]]]:
    """Name the classes and turn each label into an index.

    Args:
        splits: The labels as written.
        names: Class names from ``data.id_mapping``; None to take those given, else the set of values. Where
            classes share a name, labels must be indexes.
        place: What to name in an error on the set of values.
        findings: Receives labels that are no class.
        given: The names that the file's own features give to the indexes.

    Returns:
        Class names, a repeated one with a number, and for each split one index for each label, None where it
        is no class.

    Raises:
        UserError: Without names, the values leave a gap.
    """
    if names is None:
        names = given
    elif given is not None and not renames(names, given):
        splits = {split: [_by_name(label, given) for label in labels] for split, labels in splits.items()}
    if names is None:
        values = [label.value for labels in splits.values() for label in labels if label.value is not None]
        names = classes_of_values((value for value in values if not _is_negative(value)), place)
    counts = Counter(names)
    by_name = {name: index if counts[name] == 1 else None for index, name in enumerate(names)}
    resolved = {
        split: [_index(label, by_name, len(names), findings) for label in labels]
        for split, labels in splits.items()
    }
    return told_apart(names), resolved


def _by_name(label: Labelled, given: Sequence[str]) -> Labelled:
    value = label.value
    return (
        Labelled(label.place, given[value]) if isinstance(value, int) and 0 <= value < len(given) else label
    )


def _is_negative(value: int | str) -> bool:
    return isinstance(value, int) and value < 0


def _index(label: Labelled, by_name: dict[str, int | None], count: int, findings: Findings) -> int | None:
    value = label.value
    if isinstance(value, int) and 0 <= value < count:
        return value
    named = by_name.get(value) if isinstance(value, str) else None
    if named is not None:
        return named
    if isinstance(value, str) and value in by_name:
        message = f"class {value!r} is the name of several classes; write its index"
    elif value is None:
        message = "has no label"
    elif isinstance(value, int):
        message = f"class {value} is out of range, allowed 0 to {count - 1}"
    else:
        message = no_such_class(value, by_name)
    findings.add("invalid_labels", label.place, message)
    return None
