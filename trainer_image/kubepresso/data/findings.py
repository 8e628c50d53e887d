"""What the checks of a data set found, and what follows from it by ``data.checks``."""

from __future__ import annotations

import dataclasses
from typing import Any

POLICIES = {
    "corrupt_images": "refuse",
    "invalid_labels": "refuse",
    "missing_labels": "skip",
    "duplicates_across_splits": "warn",
    "duplicates_within_splits": "warn",
    "near_duplicates_across_splits": "warn",
    "empty_classes": "refuse",
    "empty_splits": "refuse",
    "unused_files": "warn",
    "drift": "warn",
}
"""Every check with its default policy: refuse, skip (leave the sample out), warn, or ignore."""

CONFIGURABLE = (
    "corrupt_images",
    "invalid_labels",
    "missing_labels",
    "duplicates_across_splits",
    "near_duplicates_across_splits",
    "empty_classes",
    "drift",
)
_OF_THE_DATA_ALONE = tuple(check for check in POLICIES if check != "drift")
_MOST_LINES = 50


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing found.

    Args:
        place: File, ``file:line`` or ``file:row``.
        message: What is wrong there, and what is allowed.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Findings:
    """Collects what the checks find.

    Args:
        policies: By check name; those not given have their default.
    """

    def __init__(self, policies: dict[str, str] | None = None) -> None:
        self.policies = {**POLICIES, **(policies or {})}
        self.by_check: dict[str, list[Finding]] = {check: [] for check in POLICIES}

    def add(self, check: str, place: str, message: str) -> None:
        """Record a finding, unless the check is ignored."""
        if self.policies[check] != "ignore":
            self.by_check[check].append(Finding(place, message))

    def skipped(self) -> int:
        """Return the number of samples left out."""
        return sum(len(found) for check, found in self.by_check.items() if self.policies[check] == "skip")

    def refused(self) -> list[str]:
        """Return the problems of every check that refuses; empty when the data may be used."""
        problems: list[str] = []
        for check, found in self.by_check.items():
            if found and self.policies[check] == "refuse":
                problems.extend(_problems(check, found))
        return problems

    def warnings(self) -> list[str]:
        """Return the lines to log for what was found and not refused."""
        lines: list[str] = []
        for check, found in self.by_check.items():
            if found and self.policies[check] != "refuse":
                what = "left out" if self.policies[check] == "skip" else "found"
                lines.append(f"data.checks.{check}: {len(found)} {what}")
                lines.extend(f"  {finding}" for finding in found[:_MOST_LINES])
                if len(found) > _MOST_LINES:
                    lines.append(f"  and {len(found) - _MOST_LINES} more, see the report")
        return lines

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return the manifest's ``checks``: policy, count, and the names of what was left out.

        Drift is not among them: it depends on what was prepared before.
        """
        summary: dict[str, dict[str, Any]] = {}
        for check in _OF_THE_DATA_ALONE:
            found = self.by_check[check]
            entry: dict[str, Any] = {"policy": self.policies[check], "found": len(found)}
            if self.policies[check] == "skip":
                entry["skipped"] = [str(finding) for finding in found]
            summary[check] = entry
        return summary


def _problems(check: str, found: list[Finding]) -> list[str]:
    """Return one problem for each finding; how many more there are, and the fix, stand below the last."""
    shown = [str(finding) for finding in found[:_MOST_LINES]]
    if len(found) > _MOST_LINES:
        shown[-1] += f"\nand {len(found) - _MOST_LINES:,} more of {check}, all in the report"
    fixes = {
        "corrupt_images": "repair or remove them, or leave them out with data.checks.corrupt_images: skip",
        "invalid_labels": "correct these labels or data.id_mapping, "
        "or leave them out with data.checks.invalid_labels: skip",
        "missing_labels": "add them, or leave these files out with data.checks.missing_labels: skip",
        "empty_classes": "add images, drop the class, or allow it with data.checks.empty_classes: warn",
        "empty_splits": "correct the labels and images that are left out, add images, "
        "or see whether data.path leads to this split",
        "duplicates_across_splits": "keep each picture in one split, or allow it with "
        "data.checks.duplicates_across_splits: warn",
        "near_duplicates_across_splits": "keep pictures of one scene in one split, or allow it with "
        "data.checks.near_duplicates_across_splits: warn",
        "drift": "see in the report what changed; accept the new data with data.checks.drift: warn",
    }
    shown[-1] += f"\nfix: {fixes[check]}"
    return shown
