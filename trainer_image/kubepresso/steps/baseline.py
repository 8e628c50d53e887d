"""The figures of the champion, to be compared with the candidate's."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from kubepresso import tracking
from kubepresso.errors import UserError
from kubepresso.models import Bundle, load_bundle
from kubepresso.steps.case import DATASET_TAG, METRICS_TAG, Case
from kubepresso.steps.gate import LATENCY, Baseline


class CannotCompareError(Exception):
    """The champion gives no figures on this data."""


def find_baseline(case: Case, champion: tracking.Version, folder: Path) -> tuple[Case, Baseline]:
    """Find the champion's figures: as recorded on the same data, else measured on it now.

    Latency is compared only as measured here and now, for both: another machine's figure would say nothing.

    Args:
        case: What is to be decided on.
        champion: With what to compare.
        folder: Where its bundle may be put.

    Returns:
        The case, with the candidate's latency where that is compared, and the champion's figures.

    Raises:
        CannotCompareError: The champion gives no figures on this data.
    """
    recorded = _recorded(champion)
    same_data = champion.tags.get(DATASET_TAG) == case.prepared.digest and case.metric in recorded
    if same_data and case.rules.max_latency_ratio is None:
        return case, Baseline(str(champion), recorded, "as recorded on the same data")
    bundle = load_bundle(case.registry.download_bundle(champion, folder))
    origin = "as recorded on the same data" if same_data else "measured now on this data"
    metrics = recorded if same_data else _measured(case, champion, bundle)
    if case.rules.max_latency_ratio is not None:
        case = dataclasses.replace(case, metrics={**case.metrics, LATENCY: _latency(case.bundle)})
        metrics = {**metrics, LATENCY: _latency(bundle)}
    return case, Baseline(str(champion), metrics, origin)


def _recorded(version: tracking.Version) -> dict[str, float]:
    """Read the figures in a version's tags; tags can be edited, and broken ones are as good as none."""
    try:
        return {name: float(value) for name, value in json.loads(version.tags.get(METRICS_TAG, "{}")).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _measured(case: Case, champion: tracking.Version, bundle: Bundle) -> dict[str, float]:
    # Brings torchvision, which a comparison on the same data does without.
    from kubepresso.steps.measuring import measure

    names = case.view.need("logging").metrics.metric_names
    try:
        return measure(bundle, case.prepared, names).metrics()
    except UserError as error:
        text = "; ".join(error.problems)
        raise CannotCompareError(
            f"the champion {champion} cannot be measured on this data ({text}); for another "
            "purpose register under another name, logging.promotion.registered_model"
        ) from error


def _latency(bundle: Bundle) -> float:
    from kubepresso.export.latency import measure_latency

    return measure_latency(bundle.onnx, bundle.manifest.input_size).median_ms
