"""Evaluate: what a model bundle is worth, what it costs, and whether its ONNX file says the same."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor
from torch.utils.data import DataLoader

from kubepresso import tracking
from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig, digest, parse_view
from kubepresso.data import PreparedDataset, SplitReader
from kubepresso.data.dataset import build_dataset
from kubepresso.data.decoding import decode_rgb
from kubepresso.errors import UserError
from kubepresso.export.latency import Latency, measure_latency
from kubepresso.export.parity import onnx_difference
from kubepresso.models import Bundle, load_bundle
from kubepresso.reporting import write_page
from kubepresso.reporting.pictures import picture_uri, thumbnail
from kubepresso.tasks.build import build_task
from kubepresso.tasks.classification.metrics.confusion import confusion_matrix
from kubepresso.tasks.classification.metrics.roc import macro_roc_curve
from kubepresso.tasks.task import Task

# Float32 sums in another order differ by some 1e-6 of the largest output, a wrong operator by far more.
ONNX_TOLERANCE = 1e-3
_ONNX_IMAGES = 32
# MLflow is imported beside the step's work; what is timed must have the processor for itself.
_SETTLING_SECONDS = 5.0
_BATCH_SIZE = 64
_ROC_POINTS = 200
_MISTAKES_SHOWN = 24
_PICTURE_SIDE = 96
# Below this many images a loader process costs more than it saves.
_WORKERS_FROM = 5000


@dataclasses.dataclass(frozen=True)
class ClassFigures:
    """One row of the table of classes; shares are 0 to 1, None where nothing was counted."""

    name: str
    images: int
    precision: float | None
    recall: float | None


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong prediction: where the image came from, both classes and the softmax of the predicted one."""

    index: int
    path: str
    true: str
    predicted: str
    confidence: float


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        split: The split's name.
        images: Number of images in it.
        dataset_digest: Content digest of the prepared data set.
        bundle_digest: Digest of what the model computes.
        quality: The task's metrics by name, the primary one first, and ``roc_auc`` (macro average).
        others: The task's metrics on the other splits that are no training data, by split.
        cost: ``parameters``, ``macs``, ``size_mb`` (ONNX file, 1e6 bytes), ``latency_ms`` (median) and
            ``latency_p95_ms`` (one image, one thread, ONNX Runtime), ``onnx_difference`` (largest absolute
            difference of an output between ONNX and the graph).
        classes: Class names.
        confusion: Counts; rows are true classes, columns predicted ones.
        roc: Points (false positive rate, true positive rate, threshold) of the macro average; empty where no
            class has both positives and negatives.
        table: Figures of each class.
        mistakes: Wrong predictions, the most confident first.
    """

    split: str
    images: int
    dataset_digest: str
    bundle_digest: str
    quality: dict[str, float]
    others: dict[str, dict[str, float]]
    cost: dict[str, float]
    classes: list[str]
    confusion: list[list[int]]
    roc: list[tuple[float, float, float]]
    table: list[ClassFigures]
    mistakes: list[Mistake]

    def metrics(self) -> dict[str, float]:
        """Return quality and cost as one flat mapping; metrics of another split carry its name."""
        others = {
            f"{split}_{name}": value for split, part in self.others.items() for name, value in part.items()
        }
        return {**self.quality, **others, **self.cost}


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


def measure(
    bundle: Bundle, prepared: PreparedDataset, metric_names: Sequence[str] | None, split: str | None = None
) -> Evaluation:
    """Measure a bundle; see `run`.

    Args:
        bundle: The loaded bundle.
        prepared: The prepared data set.
        metric_names: ``logging.metrics.metric_names``; None takes all of the task.
        split: The split; None takes ``test`` where there is one, else ``valid``.
    """
    name = split or choose_split(prepared)
    reader = prepared.split(name)
    _check_fit(bundle, prepared, reader, name)
    cost = _cost(bundle, next(_batches(bundle, prepared, name))["image"][:_ONNX_IMAGES])
    task = build_task(bundle.manifest.task, prepared.classes, (), metric_names)
    quality, logits, labels = _quality(bundle, prepared, name, task)
    others: dict[str, dict[str, float]] = {
        other: _quality(bundle, prepared, other, task)[0]
        for other in ("valid", "test")
        if other != name and other in prepared.splits and len(prepared.split(other))
    }
    return _figures(bundle, prepared, name, quality, others, cost, logits, labels)


def _quality(
    bundle: Bundle, prepared: PreparedDataset, split: str, task: Task
) -> tuple[dict[str, float], Tensor, Tensor]:
    """Return the task's metrics on a split, with all logits and labels in order."""
    metrics = task.metrics()
    outputs, labels = [], []
    for batch, logits in _predict(bundle, _batches(bundle, prepared, split)):
        for metric in metrics:
            metric.update(logits, batch)
        outputs.append(logits)
        labels.append(batch["label"])
    quality = {metric.name: metric.compute() for metric in metrics}
    return quality, torch.cat(outputs), torch.cat(labels)


def choose_split(prepared: PreparedDataset) -> str:
    """Return ``test`` where the data set has it, else ``valid``.

    Raises:
        UserError: It has neither.
    """
    for name in ("test", "valid"):
        if name in prepared.splits:
            return name
    raise UserError(
        f"{prepared.folder}: no split test or valid to evaluate on, it has {', '.join(prepared.splits)}; set "
        f"data.path.valid, or leave it out to have a tenth of train"
    )


def _check_fit(bundle: Bundle, prepared: PreparedDataset, reader: SplitReader, split: str) -> None:
    problems = []
    if list(bundle.manifest.classes) != list(prepared.classes):
        problems.append(
            f"{bundle.folder}: the model's classes are {_listed(bundle.manifest.classes)}, the data set at "
            f"{prepared.folder} has {_listed(prepared.classes)}; evaluate on data with the model's classes"
        )
    if not len(reader):
        problems.append(f"{prepared.folder}: the split {split} holds no image; choose another, or fill it")
    if problems:
        raise UserError(problems)


def _listed(classes: Sequence[str]) -> str:
    shown = ", ".join(classes[:12])
    return f"{len(classes)} ({shown}{', ...' if len(classes) > 12 else ''})"


def _batches(bundle: Bundle, prepared: PreparedDataset, split: str) -> Iterator[dict[str, Tensor]]:
    context = BuildContext(bundle.manifest.task, swap=prepared.manifest.swap)
    data: Any = build_dataset(prepared, split, build_recipe(_preprocessing(bundle), context), seed=0)
    keys: Any = [(0, index, 0) for index in range(len(data))]
    workers = min(4, os.cpu_count() or 1) if len(data) >= _WORKERS_FROM else 0
    return iter(DataLoader(data, _BATCH_SIZE, sampler=keys, num_workers=workers))


def _preprocessing(bundle: Bundle) -> Sequence[Any]:
    try:
        return AugmentationConfig.model_validate({"inference": bundle.manifest.preprocessing}).inference
    except ValidationError as error:
        place = f"{bundle.folder / 'manifest.json'}: preprocessing"
        problems = [f"{place}.{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()]
        raise UserError([*problems, f"{bundle.folder}: make this bundle again"]) from error


def _predict(
    bundle: Bundle, batches: Iterator[dict[str, Tensor]]
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Yield each batch with its logits, on the CPU."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    graph = bundle.graph.to(device)
    with torch.inference_mode():
        for batch in batches:
            yield batch, graph(batch["image"].to(device)).float().cpu()


def _cost(bundle: Bundle, images: Tensor) -> dict[str, float]:
    manifest = bundle.manifest
    if tuple(images.shape[-2:]) != tuple(manifest.input_size):
        raise UserError(
            f"{bundle.folder}: its preprocessing makes images of {list(images.shape[-2:])} pixels, the model "
            f"was exported for {list(manifest.input_size)}; let augmentation.inference end at "
            f"logging.model_save_options.sample_input_size"
        )
    with torch.inference_mode():
        largest = float(bundle.graph(images).abs().max())
    difference = onnx_difference(bundle.graph, bundle.onnx, images)
    # Written so that NaN fails, too.
    allowed = ONNX_TOLERANCE * max(1.0, largest)
    if not difference <= allowed:
        raise UserError(
            f"{bundle.onnx}: its outputs differ from the graph's by up to {difference:.3g} on real images, "
            f"allowed {allowed:.3g}; export the model again, with another onnx_export_opset"
        )
    latency: Latency = measure_latency(bundle.onnx, manifest.input_size)
    return {
        "parameters": float(manifest.parameters),
        "macs": float(manifest.macs),
        "size_mb": bundle.onnx.stat().st_size / 1e6,
        "latency_ms": latency.median_ms,
        "latency_p95_ms": latency.p95_ms,
        "onnx_difference": difference,
    }


def _figures(
    bundle: Bundle,
    prepared: PreparedDataset,
    split: str,
    quality: dict[str, float],
    others: dict[str, dict[str, float]],
    cost: dict[str, float],
    logits: Tensor,
    labels: Tensor,
) -> Evaluation:
    classes = list(prepared.classes)
    probabilities = logits.softmax(1)
    predicted = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predicted, len(classes))
    curve = macro_roc_curve(probabilities, labels)
    points = [] if curve is None else _thinned(curve.fpr, curve.tpr, curve.threshold)
    area = {} if curve is None else {"roc_auc": curve.area}
    return Evaluation(
        split=split,
        images=len(labels),
        dataset_digest=prepared.digest,
        bundle_digest=bundle.manifest.digest(),
        quality={**quality, **area},
        others=others,
        cost=cost,
        classes=classes,
        confusion=confusion.tolist(),
        roc=points,
        table=_table(classes, confusion),
        mistakes=_mistakes(prepared.split(split), classes, probabilities, labels),
    )


def _thinned(*columns: Tensor) -> list[tuple[float, float, float]]:
    """Keep some 200 points of a curve, the ends among them."""
    kept = torch.linspace(0, len(columns[0]) - 1, min(_ROC_POINTS, len(columns[0]))).round().long().unique()
    fpr, tpr, threshold = (column[kept].tolist() for column in columns)
    return list(zip(fpr, tpr, threshold, strict=True))


def _table(classes: list[str], confusion: Tensor) -> list[ClassFigures]:
    right, actual, called = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return [
        ClassFigures(name, int(actual[i]), _share(right[i], called[i]), _share(right[i], actual[i]))
        for i, name in enumerate(classes)
    ]


def _share(part: Tensor, whole: Tensor) -> float | None:
    return float(part) / float(whole) if whole else None


def _mistakes(
    reader: SplitReader, classes: list[str], probabilities: Tensor, labels: Tensor
) -> list[Mistake]:
    confidence, predicted = probabilities.max(1)
    wrong = (predicted != labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:_MISTAKES_SHOWN].tolist()
    return [
        Mistake(
            i,
            reader[i].path,
            classes[int(labels[i])],
            classes[int(predicted[i])],
            round(float(confidence[i]), 4),
        )
        for i in worst
    ]


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
