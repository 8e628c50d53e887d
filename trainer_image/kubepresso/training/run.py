"""A whole training in one process of the group: set up, all epochs, the bundle."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from kubepresso import tracking
from kubepresso.config import TrainingConfig, digest
from kubepresso.config.logging import ModelSaveOptions
from kubepresso.data import PreparedDataset
from kubepresso.errors import UserError
from kubepresso.models import BundleManifest
from kubepresso.storage.atomic import atomic_file
from kubepresso.tasks.build import build_task
from kubepresso.training.checkpoints import Keeper, Kept
from kubepresso.training.checkpoints.resuming import restore, restore_rank
from kubepresso.training.distributed import Group, joined_group
from kubepresso.training.history import EpochRecord
from kubepresso.training.job import Job
from kubepresso.training.loop import Loop
from kubepresso.training.process import available_cores, seconds_since_launch
from kubepresso.training.progress import Progress
from kubepresso.training.results import EPOCHS_FILE, SUMMARY_FILE, Result, write_bundle
from kubepresso.training.retraining import for_retraining
from kubepresso.training.schedules.build import build_schedule, set_learning_rates
from kubepresso.training.setup import Loaders, Start, build_loaders, build_start, build_state, identity
from kubepresso.training.state import TrainingState
from kubepresso.training.stopping import InterruptedTrainingError


@dataclass
class Training:
    """One training, set up.

    Attributes:
        job: What is trained.
        config: The ``training`` module, with the overrides of a retraining applied.
        options: ``logging.model_save_options``.
        loop: One epoch.
        loaders: The data.
        keeper: Takes checkpoints.
        start: What it started from.
    """

    job: Job
    config: TrainingConfig
    options: ModelSaveOptions
    loop: Loop
    loaders: Loaders
    keeper: Keeper
    start: Start


def run(job: Job) -> None:
    """Train and, in the main process, write the bundle.

    Raises:
        UserError: Whatever a user can mend in settings, data or surroundings.
    """
    _set_up_torch(job.view.need("training").deterministic)
    timeout = job.view.need("environment").distributed.timeout_seconds
    with joined_group(timeout) as group, _tracked(job, group) as tracked:
        train(job, group, tracked)


def train(job: Job, group: Group, tracked: tracking.Run | None = None) -> None:
    """Do what `run` does, as a member of a group that is there.

    Args:
        job: What is trained.
        group: The processes that train together.
        tracked: Where figures go to; None in all processes but the main one.

    Raises:
        InterruptedTrainingError: The process was asked to end; the same call goes on from there.
    """
    training = _set_up(job, group)
    if tracked:
        _track_origin(tracked, training)
        # Those of which a kill came between the checkpoint and the server.
        tracked.log_curves({record.epoch: record.flat() for record in training.loop.state.history.epochs})
    startup_seconds = seconds_since_launch()
    try:
        _fit(training, tracked)
        seconds = time.perf_counter() - training.loop.state.began
        training.keeper.finish()
    finally:
        training.keeper.close()
    if group.is_main:
        result = Result(startup_seconds, seconds, group.world_size, group.device.type)
        written = write_bundle(training, result)
        if tracked:
            _track_bundle(tracked, job.output, written)
        if job.temporary:
            _give_up_checkpoints(job, training.keeper.kept)


def _give_up_checkpoints(job: Job, kept: Kept) -> None:
    if job.spent:
        with atomic_file(job.spent) as file:
            file.write_text("\n".join(kept.places()), encoding="utf-8")
    elif job.stop.arrived:  # whoever asked will start this again, which must find what is done
        raise InterruptedTrainingError
    else:
        kept.remove()


def _set_up_torch(deterministic: bool) -> None:
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(available_cores())
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic and torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS may vary from call to call
        torch.use_deterministic_algorithms(True, warn_only=True)


def _set_up(job: Job, group: Group) -> Training:
    view = job.view
    model, logging = view.need("model"), view.need("logging")
    config, options = _training_config(job), logging.model_save_options
    dataset = PreparedDataset.open(job.dataset)
    task = build_task(model.task, dataset.classes, model.losses, logging.metrics.metric_names)
    start = build_start(job, group, dataset.classes)
    state = build_state(start.model, config, task, options, group)
    loaders = build_loaders(view, config.epochs, group, dataset)
    keeper = _build_keeper(job, config, state, group, identity(view, config, start, loaders))
    found, lines = restore(keeper, loaders.train_batches.batch_size)
    if group.is_main:
        keeper.kept.prepare()
    progress = Progress(group.is_main and logging.stdout, config.epochs, state.epoch)
    loop = Loop(
        task=task,
        state=state,
        network=group.wrap(state.model),
        group=group,
        batch_transforms=loaders.batch_transforms,
        max_norm=config.max_norm,
        seed=view.need("environment").seed,
        progress=progress,
        keeper=keeper,
    )
    if group.world_size > 2:
        loop.settle(loaders.first_batch())
    if found:
        restore_rank(keeper, found)
    for line in (_opening(loop, loaders), *lines):
        progress.line(line)
    return Training(job, config, options, loop, loaders, keeper, start)


def _build_keeper(
    job: Job, config: TrainingConfig, state: TrainingState, group: Group, identity: str
) -> Keeper:
    options = job.view.need("logging").model_save_options
    kept = Kept(
        folder=job.checkpoints,
        mirror=job.mirror,
        identity=identity,
        keep=config.checkpoints.keep,
        keep_epochs=lambda epoch: (
            not options.save_best_only and _is_due(epoch, options.checkpoint_interval, config.epochs)
        ),
    )
    return Keeper(kept, state, group, config.checkpoints, job.stop)


def _opening(loop: Loop, loaders: Loaders) -> str:
    parameters = sum(parameter.numel() for parameter in loop.state.model.parameters())
    images = len(loaders.train.dataset)  # type: ignore[arg-type]
    return (
        f"{images} training images, {parameters:,} parameters, {loop.group.world_size} x "
        f"{loop.group.device.type}, "
        f"{loop.state.precision.name}, {torch.get_num_threads()} threads, {loaders.train.num_workers} loader "
        "workers"
    )


@contextlib.contextmanager
def _tracked(job: Job, group: Group) -> Iterator[tracking.Run | None]:
    if not group.is_main:
        yield None
        return
    title = "retrain" if job.start else "train"
    tags = {"kubepresso.config_digest": digest(job.view.to_yaml())}
    logging = job.view.need("logging")
    with tracking.step_run("train", title=title, logging=logging, tags=tags, step_id=_step_id(job)) as run:
        modules = {"model": job.view.need("model"), "training": _training_config(job)}
        run.log_params({name: module.model_dump(mode="json") for name, module in modules.items()})
        yield run


def _step_id(job: Job) -> str:
    """Return an id that the same command has whenever it starts, for want of a launcher that gives one.

    The checkpoint cannot: the run is opened before one is read, so that a start that fails is seen, too.
    """
    course = digest(job.view.to_yaml(["augmentation", "model", "training"]))
    text = "\n".join([socket.gethostname(), str(job.output.resolve()), course])
    return uuid.uuid5(uuid.NAMESPACE_OID, text).hex


def _track_origin(tracked: tracking.Run, training: Training) -> None:
    """Tag the run with what it trains on and what it starts from."""
    tags = {"kubepresso.dataset_digest": training.loaders.digest}
    if training.start.parent:
        tags["kubepresso.parent_digest"] = training.start.parent
    tracked.set_tags(tags)


def _track_bundle(tracked: tracking.Run, folder: Path, manifest: BundleManifest) -> None:
    tracked.set_tags({"kubepresso.bundle_digest": manifest.digest()})
    tracked.log_artifact(folder, "bundle")
    for name in (EPOCHS_FILE, SUMMARY_FILE):
        tracked.log_artifact(folder / name)


def _training_config(job: Job) -> TrainingConfig:
    config = job.view.need("training")
    return for_retraining(config) if job.start else config


def _fit(training: Training, tracked: tracking.Run | None) -> None:
    """Train all epochs that are left."""
    state, config = training.loop.state, training.config
    schedule = build_schedule(config.scheduler, config.epochs)
    for epoch in range(state.epoch + 1, config.epochs + 1):
        lr = set_learning_rates(state.optimizer, schedule, epoch - 1)
        record = _epoch(training, epoch, lr)
        best = state.history.add(record)
        state.end_epoch()
        due = _is_due(epoch, training.options.checkpoint_interval, config.epochs)
        training.keeper.after_epoch(best, due)
        training.loop.progress.epoch(record, best)
        if tracked:
            tracked.log_curves({epoch: record.flat()})


def _epoch(training: Training, epoch: int, lr: float) -> EpochRecord:
    loop, loaders, state = training.loop, training.loaders, training.loop.state
    loaders.train_batches.go_to(epoch - 1, state.step, state.consumed)
    losses = loop.train(loaders.train, epoch, lr)
    valid: dict[str, float] = {}
    if _is_due(epoch, training.options.validation_epoch, training.config.epochs):
        training.keeper.before_validation()
        loop.group.average_buffers(loop.state.model, loop.state.evaluated)
        valid = loop.evaluate(loaders.valid, f"validation {epoch}")
        _check_finite(valid["loss"], epoch, lr)
    seconds = max(state.seconds, 1e-9)
    return EpochRecord(epoch, lr, losses, valid, state.seconds, state.consumed / seconds)


def _check_finite(loss: float, epoch: int, lr: float) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"training: the validation loss became {loss} in epoch {epoch}, at learning rate {lr:.3g}; try a "
            "lower "
            "training.optimizer.lr, more training.scheduler.warmup_epochs, or training.max_norm: 1.0"
        )


def _is_due(epoch: int, every: int, epochs: int) -> bool:
    """Return whether what is done in epochs 1, 1 + every, 1 + 2 * every and the last is due."""
    return epoch % every == 1 % every or epoch == epochs
