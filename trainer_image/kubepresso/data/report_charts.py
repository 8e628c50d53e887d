"""From a fingerprint's splits to the rows and columns that the report draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kubepresso.data.drift import bin_names
from kubepresso.data.gallery import MOST_CLASSES
from kubepresso.data.statistics.fingerprint import total_of
from kubepresso.data.statistics.titles import DISTRIBUTIONS, OF_IMAGES

Splits = Mapping[str, dict[str, Any]]

_VISIBILITY = ("keypoints_visible", "keypoints_hidden", "keypoints_missing")
_FIGURES = {
    "class_imbalance": ("most frequent class / rarest", "{:.1f} : 1"),
    "classes_present": ("classes that occur", "{:.0f}"),
    "objects": ("objects", "{:,.0f}"),
    "objects_per_image": ("objects in an image, mean", "{:.1f}"),
    "objects_most": ("objects in an image, most", "{:.0f}"),
    "instances": ("instances", "{:,.0f}"),
    "instances_per_image": ("instances in an image, mean", "{:.2f}"),
    "empty_images": ("images without objects", "{:,.0f}"),
    "crowd_share": ("crowds or difficult objects", "{:.1%}"),
    "box_size_median": ("box size, median (of the image's side)", "{:.3f}"),
    "boxes_small_share": ("small boxes (COCO)", "{:.1%}"),
    "boxes_medium_share": ("medium boxes", "{:.1%}"),
    "boxes_large_share": ("large boxes", "{:.1%}"),
    "boxes_at_edge_share": ("boxes at the image's edge", "{:.1%}"),
    "ignored_share": ("pixels to ignore", "{:.1%}"),
    "unlabelled_images": ("images with nothing else", "{:,.0f}"),
    "largest_class_share": ("pixels of the largest class", "{:.1%}"),
    "smallest_class_share": ("pixels of the smallest class", "{:.3%}"),
    "keypoints_visible_share": ("visible keypoints", "{:.1%}"),
    "keypoints_hidden_share": ("hidden keypoints", "{:.1%}"),
    "keypoints_missing_share": ("keypoints without a label", "{:.1%}"),
    "brightness_mean": ("brightness, mean", "{:.0f}"),
}


def figures(splits: Splits) -> list[tuple[str, list[str]]]:
    """Return ``(title, one text a split)`` of the numbers, the colours as the last two rows."""
    rows = []
    for number, (title, form) in _FIGURES.items():
        values = [content["numbers"].get(number) for content in splits.values()]
        if any(value is not None for value in values):
            rows.append((title, ["" if value is None else form.format(value) for value in values]))
    for kind, title in (("mean", "red, green, blue, mean"), ("std", "red, green, blue, deviation")):
        rows.append((title, [_colours(content["numbers"], kind) for content in splits.values()]))
    return rows


def balances(splits: Splits) -> list[dict[str, Any]]:
    """Return, for each distribution over classes, its rows: a name, and each split's count, share and bar.

    Of very many classes those with most and with least in the first split, from the most to the least.
    """
    found = []
    for name, title in DISTRIBUTIONS.items():
        entries = _entries(splits, name)
        if name in _VISIBILITY or not entries or "labels" not in entries[0]:
            continue
        whole = [total_of(content, name) for content in splits.values()]
        shares = [
            np.array(entry["counts"]) / max(total, 1) for entry, total in zip(entries, whole, strict=True)
        ]
        largest = max((float(share.max()) for share in shares if len(share)), default=0.0) or 1.0
        labels = entries[0]["labels"]
        rows = [
            (
                labels[i],
                [_cell(entry, share, i, largest) for entry, share in zip(entries, shares, strict=True)],
            )
            for i in _shown(entries[0]["counts"])
        ]
        found.append(
            {"title": title.text, "note": title.note, "rows": rows, "hidden": len(labels) - len(rows)}
        )
    return found


def _shown(counts: Sequence[int]) -> list[int]:
    if len(counts) <= MOST_CLASSES:
        return list(range(len(counts)))
    ranked = sorted(range(len(counts)), key=lambda i: -counts[i])
    half = MOST_CLASSES // 2
    return ranked[:half] + ranked[-half:]


def visibility(splits: Splits) -> list[tuple[str, list[list[float]]]]:
    """Return each keypoint with its shares of visible, hidden and missing for each split."""
    kinds = [_entries(splits, name) for name in _VISIBILITY]
    if not kinds[0]:
        return []
    rows = []
    for index, label in enumerate(kinds[0][0]["labels"]):
        counts = [[kind[split]["counts"][index] for kind in kinds] for split in range(len(splits))]
        rows.append((label, [[count / max(sum(row), 1) for count in row] for row in counts]))
    return rows


def histograms(splits: Splits, of_images: bool) -> list[dict[str, Any]]:
    """Return each histogram: a title, and for each split the columns ``(bin, count, height 0 to 1)``.

    Args:
        splits: Of the fingerprint.
        of_images: Those of the images; else those of the targets.
    """
    found = []
    for name, title in DISTRIBUTIONS.items():
        entries = _entries(splits, name) if (name in OF_IMAGES) == of_images else []
        if not entries or "edges" not in entries[0]:
            continue
        counts = np.array([entry["counts"] for entry in entries])
        used = np.flatnonzero(counts.sum(0))
        if not len(used):
            continue
        kept = slice(max(used[0] - 1, 0), used[-1] + 2)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        heights = (shares / shares.max())[:, kept].tolist()
        names = bin_names(entries[0]["edges"])[kept]
        columns = [
            list(zip(names, row, tall, strict=True))
            for row, tall in zip(counts[:, kept].tolist(), heights, strict=True)
        ]
        charts = dict(zip(splits, columns, strict=True))
        notes = [note for note in (title.note, _widths(entries[0]["edges"], kept)) if note]
        found.append({"title": title.text, "note": "; ".join(notes), "charts": charts})
    return found


def _widths(edges: list[float], kept: slice) -> str:
    """Say so where the bins that are drawn are not equally wide."""
    widths = np.diff(edges[max(kept.start - 1, 0) : kept.stop])
    even = not len(widths) or np.allclose(widths, widths[0])
    return "" if even else "bars are counts in bins of different widths"


def common_sizes(sizes: Mapping[tuple[int, int], int], most: int = 8) -> str:
    """Return the most frequent image sizes in words."""
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    texts = [f"{width} × {height} ({count:,})" for (width, height), count in ranked[:most]]
    rest = len(ranked) - most
    return ", ".join(texts) + (f" and {rest} other sizes" if rest > 0 else "") if texts else "no images"


def _entries(splits: Splits, name: str) -> list[dict[str, Any]]:
    entries = [content["distributions"].get(name) for content in splits.values()]
    return [] if None in entries else entries


def _cell(entry: dict[str, Any], share: np.ndarray, index: int, largest: float) -> tuple[str, str, float]:
    count = entry["counts"][index]
    text = "" if "observations" in entry else f"{count:,}"  # pixels are too many to read
    return (
        text,
        f"{share[index]:.2%}" if share[index] < 0.01 else f"{share[index]:.1%}",
        share[index] / largest,
    )


def _colours(numbers: dict[str, float], kind: str) -> str:
    return ", ".join(f"{numbers.get(f'{colour}_{kind}', 0):.1f}" for colour in ("red", "green", "blue"))
