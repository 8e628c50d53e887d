"""The report of prepare_dataset: class balance, pictures, sizes, and what the checks found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubepresso.data.findings import Findings
from kubepresso.data.gallery import MOST_CLASSES
from kubepresso.data.prepare import Preparation
from kubepresso.reporting.page import image_uri, write_page

_MOST_FINDINGS = 2000
_TITLES = {
    "corrupt_images": "Images that cannot be decoded",
    "invalid_labels": "Labels that cannot be used",
    "duplicates_across_splits": "The same picture in several splits",
    "duplicates_within_splits": "The same picture several times in one split",
    "empty_classes": "Classes without a training image",
    "unused_files": "Files left unused",
}


def write_report(target: Path, name: str, preparation: Preparation) -> None:
    """Write the HTML report.

    Args:
        target: The file to make.
        name: ``data.name``.
        preparation: What `prepare.prepare` returned, whether refused or not.
    """
    classes = preparation.classes
    pictures = [
        (classes[label], [(image_uri(png), path) for png, path in shown])
        for label, shown in preparation.gallery.pictures.items()
    ]
    balance = [
        (
            split,
            entry.count,
            [(classes[i], count, None) for i, count in enumerate(entry.class_counts)][:MOST_CLASSES],
        )
        for split, entry in preparation.splits.items()
    ]
    write_page(
        target,
        "kubepresso.data",
        "prepare_dataset.html.j2",
        name=name,
        preparation=preparation,
        refused=preparation.findings.refused(),
        tiles=_tiles(preparation),
        balance=balance,
        pictures=pictures,
        hidden_classes=max(len(classes) - MOST_CLASSES, 0),
        checks=_checks(preparation.findings),
        most_findings=_MOST_FINDINGS,
    )


def _tiles(preparation: Preparation) -> list[tuple[str, str]]:
    counts = [(f"{split.count:,}", f"{name} images") for name, split in preparation.splits.items()]
    return [
        *counts,
        (str(len(preparation.classes)), "classes"),
        (f"{preparation.findings.skipped():,}", "samples left out"),
    ]


def _checks(findings: Findings) -> list[dict[str, Any]]:
    return [
        {"check": check, "title": _TITLES[check], "policy": findings.policies[check], "found": found}
        for check, found in findings.by_check.items()
    ]
