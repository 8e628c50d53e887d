"""The numbers of a data set as JSON, kept in its manifest and in MLflow, and compared with the next one's.

Format 1::

    {"format": 1, "task": ..., "classes": [...],
     "splits": {split: {"numbers": {name: number},
                        "distributions": {name: {"edges": [...], "counts": [...]}
                                               or {"labels": [...], "counts": [...], "observations": n}}}},
     "near_duplicates": {split: {"images": n, "share": s}}}
"""

from __future__ import annotations

import json
import re
from typing import Any

FINGERPRINT_FORMAT = 1
_MOST_CLASSES = 50
_PER_CLASS = ("images_per_class", "objects_per_class", "pixels_per_class", "keypoints_visible")
#: What an MLflow metric's name may not hold.
_FORBIDDEN = re.compile(r"[^\w\-. /]")


def flat_numbers(fingerprint: dict[str, Any]) -> dict[str, float]:
    """Return the numbers under ``split/name``, for MLflow.

    A distribution over classes gives one number a class, its share of `total_of`, where there are at most 50
    classes.

    Args:
        fingerprint: As `DatasetStatistics.fingerprint` returns it.
    """
    flat: dict[str, float] = {}
    for split, content in fingerprint["splits"].items():
        flat |= {f"{split}/{name}": float(value) for name, value in content["numbers"].items()}
        for name in _PER_CLASS:
            entry = content["distributions"].get(name)
            if entry and len(entry["labels"]) <= _MOST_CLASSES:
                total = total_of(content, name) or 1
                rows = zip(entry["labels"], entry["counts"], strict=True)
                flat |= {f"{split}/{name}/{_plain(label)}": count / total for label, count in rows}
    for split, near in fingerprint.get("near_duplicates", {}).items():
        flat[f"{split}/near_duplicates"] = float(near["images"])
        flat[f"{split}/near_duplicates_share"] = float(near["share"])
    return flat


def total_of(split: dict[str, Any], name: str) -> float:
    """Return what the counts of a distribution over classes are shares of.

    An image may have several classes, so those with a class are a share of all images; else of the sum of the
    counts.

    Args:
        split: A split of a fingerprint.
        name: Of the distribution.
    """
    if name == "images_per_class":
        return float(split["numbers"]["images"])
    return float(sum(split["distributions"][name]["counts"]))


def read_fingerprint(text: str) -> dict[str, Any]:
    """Read a fingerprint that somebody stored.

    Raises:
        ValueError: It is none, or one of another format.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("format") != FINGERPRINT_FORMAT:
        raise ValueError(f"not a fingerprint of format {FINGERPRINT_FORMAT}")
    splits = content.get("splits")
    if not isinstance(splits, dict) or not all(_is_split(split) for split in splits.values()):
        raise ValueError("a fingerprint without splits")
    return content


def _is_split(split: Any) -> bool:
    if not (isinstance(split, dict) and isinstance(split.get("numbers"), dict)):
        return False
    entries = split.get("distributions")
    return isinstance(entries, dict) and all(_is_distribution(entry) for entry in entries.values())


def _is_distribution(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("counts"), list):
        return False
    if not all(isinstance(count, int) and count >= 0 for count in entry["counts"]):
        return False
    edges, labels = entry.get("edges"), entry.get("labels")
    if isinstance(edges, list):
        return len(edges) + 1 == len(entry["counts"])
    return isinstance(labels, list) and len(labels) == len(entry["counts"])


def _plain(label: str) -> str:
    return _FORBIDDEN.sub("_", label)
