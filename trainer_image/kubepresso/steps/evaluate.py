"""Evaluate: what a model bundle is worth, what it costs, and whether its ONNX file says the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from kubepresso import tracking
from kubepresso.config import digest, parse_view
from kubepresso.data import PreparedDataset, SplitReader
from kubepresso.data.decoding import decode_rgb
from kubepresso.models import load_bundle
from kubepresso.reporting import write_page
from kubepresso.reporting.pictures import picture_uri, thumbnail
from kubepresso.steps.measuring import ONNX_TOLERANCE, Evaluation, measure
from kubepresso.tasks.classification.figures import Mistake

# MLflow is imported beside the step's work; what is timed must have the processor for itself.
_SETTLING_SECONDS = 5.0
_PICTURE_SIDE = 96


def run(
    *,
    config: str,
    dataset: Path,
    model: Path,
    report: Path,
    split: str | None = None,
    title: str = "evaluate",
) -> Evaluation:
    """Evaluate a bundle on a prepared data set and write the report.

    Args:
        config: The view of the modules that this step reads.
        dataset: The prepared data set.
        model: The model bundle.
        report: The HTML file to write.
        split: The split; None takes ``test`` where there is one, else ``valid``.
        title: The name of the run in MLflow.

    Returns:
        Everything measured.

    Raises:
        UserError: The data or the bundle cannot be used or do not fit one another, or the ONNX file's outputs
            are not those of the graph.
    """
    view = parse_view(config)
    tags = {"kubepresso.config_digest": digest(config)}
    with tracking.step_run("evaluate", title=title, logging=view.logging, tags=tags) as tracked:
        prepared, bundle = PreparedDataset.open(dataset), load_bundle(model)
        names = view.logging.metrics.metric_names if view.logging else None
        tracked.wait_for_id(_SETTLING_SECONDS)
        evaluation = measure(bundle, prepared, names, split)
        pictures = _pictures(prepared.split(evaluation.split), evaluation.mistakes)
        write_page(
            report,
            "kubepresso.steps",
            "evaluation.html.j2",
            title=title,
            evaluation=evaluation,
            manifest=bundle.manifest,
            pictures=pictures,
            curve=[point[:2] for point in evaluation.roc],
            tolerance=ONNX_TOLERANCE,
        )
        _track(tracked, title, evaluation, report)
    return evaluation


def _pictures(reader: SplitReader, mistakes: Sequence[Mistake]) -> list[tuple[Mistake, str]]:
    """Return each mistake with the image that the model saw, before its preprocessing."""
    seen = [decode_rgb(reader[mistake.index].image_bytes) for mistake in mistakes]
    images = [Image.fromarray(pixels.permute(1, 2, 0).numpy()) for pixels in seen]
    uris = [picture_uri(thumbnail(image, _PICTURE_SIDE)) for image in images]
    return list(zip(mistakes, uris, strict=True))


def _track(tracked: tracking.Run, title: str, evaluation: Evaluation, report: Path) -> None:
    tracked.set_tags(
        {
            "kubepresso.dataset_digest": evaluation.dataset_digest,
            "kubepresso.bundle_digest": evaluation.bundle_digest,
            "kubepresso.split": evaluation.split,
        }
    )
    tracked.log_metrics(evaluation.metrics())
    stage = title.removeprefix("evaluate").strip()
    tracked.parent.log_metrics(
        {f"{stage}/{name}" if stage else name: v for name, v in evaluation.metrics().items()}
    )
    tracked.log_text(report.read_text(encoding="utf-8"), "evaluation.html")
    tracked.log_dict({"classes": evaluation.classes, "counts": evaluation.confusion}, "confusion_matrix.json")
    tracked.log_dict(dataclasses.asdict(evaluation), "evaluation.json")
