"""Which keypoints change places in a mirrored image, by their names."""

from __future__ import annotations

from collections.abc import Sequence

_SIDES = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"))
_INITIALS = (("l_", "r_"), ("L_", "R_"), ("l-", "r-"), ("L-", "R-"))


def paired_by_name(names: Sequence[str]) -> list[str | None]:
    """Return for each name the one with left and right changed, None where there is none."""
    present = set(names)
    return [next((other for other in _mirrored(name) if other in present), None) for name in names]


def _mirrored(name: str) -> list[str]:
    found = []
    for left, right in _SIDES:
        found += [name.replace(one, other) for one, other in ((left, right), (right, left)) if one in name]
    for left, right in _INITIALS:
        found += [
            other + name[len(one) :] for one, other in ((left, right), (right, left)) if name.startswith(one)
        ]
    return found
