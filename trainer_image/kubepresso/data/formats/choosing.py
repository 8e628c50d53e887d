"""``data.id_mapping`` beside the names that the data give to classes: it chooses among them, or renames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kubepresso.config.explain import suggest
from kubepresso.data.findings import Findings
from kubepresso.errors import UserError


def renames(mapped: Sequence[str], given: Sequence[str]) -> bool:
    """Tell whether a mapping gives other names to the indexes, rather than choosing among the names.

    It does where none of its names is one of the data's, or each index has a name and no name of the data's
    stands at another index than theirs.

    Args:
        mapped: The names of ``data.id_mapping``, in its order.
        given: The names that the data give to the indexes.
    """
    known = set(given)
    shared = [(index, name) for index, name in enumerate(mapped) if name in known]
    in_place = all(index < len(given) and given[index] == name for index, name in shared)
    return not shared or (in_place and len(mapped) >= len(given))


def class_of_index(names: Sequence[str], given: Sequence[str] | None) -> list[int]:
    """Return the class of each index that labels may have, -1 where ``data.id_mapping`` left its class out.

    Args:
        names: The classes.
        given: The names that the data give to the indexes; None for none, an index is then the class.
    """
    if given is None or renames(names, given):
        return list(range(len(names)))
    classes = {name: index for index, name in enumerate(names)}
    return [classes.get(name, -1) for name in given]


def report_unchosen(found: Mapping[str, int], names: Collection[str], what: str, findings: Findings) -> None:
    """Report objects that are left out as ``data.id_mapping`` does not name their class.

    Args:
        found: How many objects each class has.
        names: The classes of ``data.id_mapping``.
        what: Where they were found, in words.
        findings: Receives their number and classes, once.

    Raises:
        UserError: It names none of the classes that there are.
    """
    if found and not found.keys() & set(names):
        there = ", ".join(sorted(found))
        raise UserError(f"data.id_mapping: names none of the classes of {what} ({there})")
    others = {name: count for name, count in sorted(found.items()) if name not in names}
    if others:
        listed = ", ".join(f"{count} {name}" for name, count in others.items())
        message = f"{sum(others.values())} objects of classes that it does not name ({listed})"
        message += "".join(_unmet(name, others) for name in names if name not in found)
        findings.add("unused_files", "data.id_mapping", message)


def _unmet(name: str, others: Collection[str]) -> str:
    near = suggest(name, others)
    return f"; no object is {name!r}{near}" if near else ""
