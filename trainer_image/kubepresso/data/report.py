"""The HTML report of prepare_dataset: what the data holds, what leaks, what changed, what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubepresso.data import report_charts as charts
from kubepresso.data.drift import Comparison
from kubepresso.data.findings import Findings
from kubepresso.data.gallery import MOST_CLASSES
from kubepresso.data.prepare import Preparation
from kubepresso.reporting.page import write_page
from kubepresso.reporting.palette import IGNORED, hex_colour

_MOST_FINDINGS = 2000
_TITLES = {
    "corrupt_images": "Images that cannot be decoded",
    "invalid_labels": "Labels that cannot be used",
    "missing_labels": "Images without a label, labels without an image",
    "duplicates_across_splits": "The same picture in several splits",
    "duplicates_within_splits": "The same picture several times in one split",
    "near_duplicates_across_splits": "Almost the same picture in several splits",
    "empty_classes": "Classes without a training image",
    "empty_splits": "Splits without an image",
    "unused_files": "Files and labels left unused",
    "drift": "Data unlike the data before",
}
_NOT_COMPARED = Comparison("It was not compared with earlier data.")


def write_report(
    target: Path, name: str, preparation: Preparation, comparison: Comparison = _NOT_COMPARED
) -> None:
    """Write the HTML report.

    Args:
        target: The file to make.
        name: ``data.name``.
        preparation: What `prepare.prepare` returned, whether refused or not.
        comparison: With the data before.
    """
    splits = {split: preparation.fingerprint["splits"][split] for split in _splits(preparation)}
    write_page(
        target,
        "kubepresso.data",
        "prepare_dataset.html.j2",
        name=name,
        preparation=preparation,
        refused=preparation.findings.refused(),
        tiles=_tiles(preparation, comparison),
        figures=charts.figures(splits),
        balances=charts.balances(splits),
        visibility=charts.visibility(splits),
        histograms=charts.histograms(splits, of_images=False),
        image_histograms=charts.histograms(splits, of_images=True),
        sizes=charts.common_sizes(preparation.sizes),
        pictures=preparation.pictures,
        legend=_legend(preparation),
        hidden_pictures=_classes_without_pictures(preparation),
        checks=_checks(preparation.findings),
        most_findings=_MOST_FINDINGS,
        comparison=comparison,
    )


def _splits(preparation: Preparation) -> list[str]:
    present = preparation.fingerprint.get("splits", {})
    return [split for split in preparation.splits if split in present]


def _classes_without_pictures(preparation: Preparation) -> int:
    """Return how many classes have none as they are too many."""
    return max(len(preparation.classes) - MOST_CLASSES, 0) if preparation.task == "classification" else 0


def _tiles(preparation: Preparation, comparison: Comparison) -> list[tuple[str, str]]:
    splits = preparation.splits.items()
    tiles = [(f"{split.count:,}", f"{name} images") for name, split in splits]
    kind = "keypoints" if preparation.task == "pose_estimation" else "classes"
    tiles.append((f"{len(preparation.classes):,}", kind))
    for number, title in (("objects", "objects"), ("instances", "instances")):
        found = [content["numbers"].get(number) for content in preparation.fingerprint["splits"].values()]
        if any(value is not None for value in found):
            tiles.append((f"{sum(value or 0 for value in found):,.0f}", title))
    tiles.append((f"{preparation.findings.skipped():,}", "samples left out"))
    near = preparation.near_duplicates
    tiles += [
        (f"{share:.1%}", f"of {split} looks like an earlier split") for split, share in near.shares.items()
    ]
    if comparison.shifts:
        tiles.append((str(len(comparison.drifted)), "distributions drifted"))
    return tiles


def _legend(preparation: Preparation) -> list[tuple[str, str]]:
    """Return the colour of each class that is drawn into a picture."""
    if preparation.task == "classification":
        return []
    pairs = list(zip(preparation.classes, preparation.colours, strict=True))
    if preparation.task == "segmentation":
        pairs.append(("to ignore", IGNORED))
    return [(name, hex_colour(colour)) for name, colour in pairs]


def _checks(findings: Findings) -> list[dict[str, Any]]:
    return [
        {"check": check, "title": _TITLES[check], "policy": findings.policies[check], "found": found}
        for check, found in findings.by_check.items()
    ]
