"""What a model bundle is worth on prepared data, what it costs, and whether its ONNX file says the same."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.utils.data import DataLoader

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig
from kubepresso.data import PreparedDataset, SplitReader
from kubepresso.data.dataset import build_dataset
from kubepresso.errors import UserError
from kubepresso.export.latency import Latency, measure_latency
from kubepresso.export.parity import onnx_difference
from kubepresso.models import Bundle
from kubepresso.tasks.build import build_task
from kubepresso.tasks.classification.figures import (
    ClassFigures,
    Mistake,
    class_figures,
    roc_points,
    worst_mistakes,
)
from kubepresso.tasks.classification.metrics.confusion import confusion_matrix
from kubepresso.tasks.classification.metrics.roc import macro_roc_curve
from kubepresso.tasks.task import Task

# Float32 sums in another order differ by some 1e-6 of the largest output, a wrong operator by far more.
ONNX_TOLERANCE = 1e-3
_ONNX_IMAGES = 32
_BATCH_SIZE = 64
# Below this many images a loader process costs more than it saves.
_WORKERS_FROM = 5000


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
    classes, reader = list(prepared.classes), prepared.split(split)
    probabilities = logits.softmax(1)
    predicted = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predicted, len(classes))
    curve = macro_roc_curve(probabilities, labels)
    points = [] if curve is None else roc_points(curve)
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
        table=class_figures(classes, confusion),
        mistakes=worst_mistakes(classes, probabilities, labels, lambda index: reader[index].path),
    )
