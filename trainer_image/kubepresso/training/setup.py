"""From a job's configuration and folders to everything the loop needs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from kubepresso import __version__
from kubepresso.augmentation import BuildContext, Recipe, build_recipe
from kubepresso.config import TrainingConfig, View
from kubepresso.config.logging import ModelSaveOptions
from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import ImageDataset, build_dataset
from kubepresso.data.loader import build_loader
from kubepresso.data.sampler import EvaluationBatches, TrainingBatches
from kubepresso.errors import UserError
from kubepresso.models import BundleManifest, build_model, freeze_backbone, load_bundle
from kubepresso.tasks.task import Task
from kubepresso.training.distributed import Group
from kubepresso.training.ema import Ema
from kubepresso.training.history import History
from kubepresso.training.job import Job
from kubepresso.training.optimizers.build import build_optimizer
from kubepresso.training.precision import choose_precision
from kubepresso.training.state import TrainingState


@dataclass(frozen=True)
class Loaders:
    """The data of one training.

    Attributes:
        train: Batches of this rank.
        train_batches: Their sampler, which is told the epoch.
        valid: Batches of this rank; over all ranks every sample once.
        batch_transforms: Of the training recipe.
        input_size: Height and width of an image after the inference recipe.
        digest: Of the data set's content.
    """

    train: DataLoader[Any]
    train_batches: TrainingBatches
    valid: DataLoader[Any]
    batch_transforms: tuple[Any, ...]
    input_size: tuple[int, int]
    digest: str

    def first_batch(self) -> dict[str, Any]:
        """Return the first samples of the training split as a batch, without the loader's workers."""
        samples = [self.train.dataset[0, index, 0] for index in range(self.train_batches.batch_size)]
        batch: dict[str, Any] = self.train.collate_fn(samples)
        return batch


@dataclass(frozen=True)
class Start:
    """What training starts from.

    Attributes:
        model: In training mode, on the group's device.
        parent: Digest of the bundle it came from; None for an architecture that was built.
        lineage: The bundle's lineage.
    """

    model: nn.Module
    parent: str | None
    lineage: dict[str, Any]


def build_loaders(view: View, epochs: int, group: Group, dataset: PreparedDataset) -> Loaders:
    """Open both splits and build their loaders.

    Args:
        view: The modules environment and augmentation.
        epochs: Of this training.
        group: The processes that train together.
        dataset: The prepared data.

    Raises:
        UserError: A split is missing, a recipe is wrong.
    """
    environment = view.need("environment")
    augmentation = view.need("augmentation")
    context = BuildContext(dataset.manifest.task, epochs, dataset.manifest.swap)
    train_recipe = build_recipe(augmentation.train, context, "augmentation.train")
    train = _split(dataset, "train", train_recipe, environment.seed)
    inference = build_recipe(augmentation.inference, context, "augmentation.inference")
    valid = _split(dataset, "valid", inference, environment.seed)
    place = (group.rank, group.world_size)
    batches = TrainingBatches(len(train), environment.batch_size, environment.seed, *place)
    valid_batches = EvaluationBatches(len(valid), environment.batch_size, *place)
    workers, pin = environment.num_workers, group.device.type == "cuda"
    height, width = valid[0, 0, 0]["image"].shape[-2:]
    return Loaders(
        build_loader(train, batches, workers, "augmentation.train", pin),
        batches,
        build_loader(valid, valid_batches, workers, "augmentation.inference", pin),
        train_recipe.batch_transforms,
        (int(height), int(width)),
        dataset.digest,
    )


def _split(dataset: PreparedDataset, name: str, recipe: Recipe, seed: int) -> ImageDataset:
    split = build_dataset(dataset, name, recipe, seed)
    if not len(split):
        raise UserError(f"data: the split {name} holds no images; training needs some in train and in valid")
    return split


def build_start(job: Job, group: Group, classes: list[str]) -> Start:
    """Build the architecture with the seed's weights, or load the bundle that the job starts from.

    Raises:
        UserError: The bundle is of another task or has another number of classes than the data.
    """
    config = job.view.need("model")
    torch.manual_seed(job.view.need("environment").seed)
    if job.start is None:
        model: nn.Module = build_model(config, len(classes))
        return Start(_placed(model, group), None, {})
    bundle = load_bundle(job.start)
    _check_bundle(job, bundle.manifest, config.task, classes)
    if config.freeze_backbone:
        freeze_backbone(bundle.graph)
    return Start(_placed(bundle.graph, group), bundle.manifest.digest(), bundle.manifest.lineage)


def _placed(model: nn.Module, group: Group) -> nn.Module:
    # Convolutions run in this order of memory on CPUs and GPUs alike; others are converted at each layer.
    return model.to(group.device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload,no-any-return]


def _check_bundle(job: Job, manifest: BundleManifest, task: str, classes: list[str]) -> None:
    if manifest.task != task:
        raise UserError(f"{job.start}: a model for {manifest.task}, but model.task is {task}")
    if len(manifest.classes) != len(classes):
        raise UserError(
            f"{job.start}: a model of {len(manifest.classes)} classes ({_short(manifest.classes)}), but the "
            "data has "
            f"{len(classes)} ({_short(classes)}); retrain on data with the same classes"
        )
    if manifest.classes != classes and sorted(manifest.classes) == sorted(classes):
        raise UserError(
            f"{job.start}: its classes are those of the data in another order ({_short(manifest.classes)} "
            "against "
            f"{_short(classes)}); give them in the same order"
        )


def _short(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def build_state(
    model: nn.Module, config: TrainingConfig, task: Task, options: ModelSaveOptions, group: Group
) -> TrainingState:
    """Build optimizer, average and precision round a model."""
    metric = task.metrics()[0] if options.best_model_criterion == "metric" else None
    return TrainingState(
        model=model,
        optimizer=build_optimizer(model, config.optimizer),
        ema=Ema(model, config.ema) if config.ema else None,
        precision=choose_precision(config, group.device),
        history=History(metric.name, metric.higher_is_better) if metric else History("loss", False),
    )


def identity(view: View, config: TrainingConfig, start: Start, loaders: Loaders) -> str:
    """Return a digest of all that decides the course of a training, to know its checkpoints by.

    The number of processes is not in it: a training may go on with another one.
    """
    environment, logging = view.need("environment"), view.need("logging")
    content = {
        "version": __version__,
        "augmentation": view.need("augmentation").model_dump(mode="json"),
        "model": view.need("model").model_dump(mode="json"),
        "training": config.model_dump(mode="json", exclude={"checkpoints", "retraining"}),
        "criterion": logging.model_save_options.best_model_criterion,
        "validation_epoch": logging.model_save_options.validation_epoch,
        "metrics": logging.metrics.metric_names,
        "seed": environment.seed,
        "batch": environment.batch_size,
        "data": loaders.digest,
        "start": start.parent,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
