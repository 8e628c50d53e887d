"""One epoch of training, and one pass over the validation split."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from kubepresso.data.loader import iterate
from kubepresso.data.randomness import derive_seed
from kubepresso.errors import UserError
from kubepresso.tasks.task import Batch, Task
from kubepresso.training.checkpoints import Keeper
from kubepresso.training.distributed import Group
from kubepresso.training.meter import LossMeter
from kubepresso.training.progress import Progress
from kubepresso.training.state import TrainingState

#: Steps between two looks at the loss; each look waits for the device.
_CHECK_EVERY = 50


@dataclass
class Loop:
    """What an epoch needs beside its batches.

    Args:
        task: Losses and metrics.
        state: Model, optimizer, average and precision.
        network: The model as it is trained: wrapped for distribution, or itself.
        group: The processes that train together.
        batch_transforms: Of the training recipe.
        max_norm: Greatest norm of the gradients, or None.
        seed: ``environment.seed``.
        progress: Shows the steps.
        keeper: Takes checkpoints.
    """

    task: Task
    state: TrainingState
    network: nn.Module
    group: Group
    batch_transforms: Sequence[Any]
    max_norm: float | None
    seed: int
    progress: Progress
    keeper: Keeper

    def train(self, loader: DataLoader[Any], epoch: int, lr: float) -> dict[str, float]:
        """Train what is left of an epoch.

        Args:
            loader: Batches of this rank, from the state's step on.
            epoch: Counted from 1.
            lr: For the message of a loss that is not finite.

        Returns:
            Mean losses over all images of the epoch and all processes.

        Raises:
            UserError: The loss became infinite or not a number.
            InterruptedTrainingError: The process was asked to end; the state is saved.
        """
        state = self.state
        state.model.train()
        steps = state.step + len(loader)
        started = time.perf_counter() - state.seconds
        for batch in self._batches(loader, f"epoch {epoch}"):
            # Every draw of a step depends on (seed, epoch, step, rank) alone, wherever training was
            # interrupted.
            torch.manual_seed(derive_seed(self.seed, epoch, state.step, self.group.rank))
            state.meter.add(self._step(batch))
            state.step += 1
            state.consumed += len(batch["image"]) * self.group.world_size
            state.seconds = time.perf_counter() - started
            if state.step % _CHECK_EVERY == 0:
                self._check(state.meter, epoch, steps, lr)
            self.keeper.after_step()
        self._check(state.meter, epoch, steps, lr)
        return state.meter.means(self.group)

    def settle(self, batch: Batch) -> None:
        """Run one step without effect, so that the first real step sums gradients as all later ones do.

        DistributedDataParallel groups gradients anew after the first backward pass, by the order in which
        they became ready, and where a gradient lies decides in which order three or more processes are
        summed. A training that goes on would else differ in its first step's last bits.

        Args:
            batch: Any one, on the CPU.
        """
        model = self.state.model.train()
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        torch.manual_seed(self.seed)
        batch = self.task.augment(self._placed(batch), self.batch_transforms)
        with self.state.precision.autocast():
            self.task.step(self.network, batch).losses["loss"].backward()
        self.state.optimizer.zero_grad(set_to_none=True)
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        state = self.state
        batch = self.task.augment(batch, self.batch_transforms)
        with state.precision.autocast():
            losses = self.task.step(self.network, batch).losses
        state.precision.step(losses["loss"], state.optimizer, state.model, self.max_norm)
        if state.ema:
            state.ema.update()
        return losses

    @torch.inference_mode()
    def evaluate(self, loader: DataLoader[Any], description: str) -> dict[str, float]:
        """Measure the weights that would be saved.

        Args:
            loader: Batches of this rank; each sample comes once over all ranks.
            description: For the progress bar.

        Returns:
            ``loss`` (and its parts) as mean over the images, and the task's metrics, equal in every process.

        Raises:
            InterruptedTrainingError: A process was asked to end; the state from before is saved.
        """
        model = self.state.evaluated.eval()
        metrics = self.task.metrics()
        sums: dict[str, Tensor] = {}
        images = 0
        for batch in self._batches(loader, description):
            if self.keeper.while_validating():
                break
            with self.state.precision.autocast():
                outcome = self.task.step(model, batch)
            size = len(batch["image"])
            for name, value in outcome.losses.items():
                sums[name] = sums.get(name, 0) + value.double() * size
            for metric in metrics:
                metric.update(outcome.outputs, batch)
            images += size
        self.keeper.after_validation()
        own = ({name: float(value) for name, value in sums.items()}, images, [m.state() for m in metrics])
        gathered = self.group.gather(own)
        for index, metric in enumerate(metrics):
            metric.merge([states[index] for _, _, states in gathered])
        losses = _mean_losses([(part, size) for part, size, _ in gathered])
        return losses | {metric.name: metric.compute() for metric in metrics}

    def _batches(self, loader: DataLoader[Any], description: str) -> Iterator[Batch]:
        for batch in self.progress.steps(iterate(loader), len(loader), description):
            yield self._placed(batch)

    def _placed(self, batch: Batch) -> Batch:
        moved = {name: _on_device(value, self.group.device) for name, value in batch.items()}
        return {**moved, "image": moved["image"].contiguous(memory_format=torch.channels_last)}

    def _check(self, meter: LossMeter, epoch: int, steps: int, lr: float) -> None:
        found = meter.first_not_finite()
        if found is None:
            return
        step, value = found
        fp16 = ", training.precision: bf16" if self.state.precision.name == "fp16" else ""
        raise UserError(
            f"training: the loss became {value} in epoch {epoch}, step {step} of {steps}, at learning rate "
            f"{lr:.3g}; "
            "try a lower training.optimizer.lr, more training.scheduler.warmup_epochs, training.max_norm: "
            f"1.0{fp16}"
        )


def _on_device(value: Any, device: torch.device) -> Any:
    """Move tensors, also those in lists and dicts: targets of which each image has another number."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, list | tuple):
        return type(value)(_on_device(part, device) for part in value)
    if isinstance(value, dict):
        return {name: _on_device(part, device) for name, part in value.items()}
    return value


def _mean_losses(parts: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
    names = next((tuple(sums) for sums, _ in parts if sums), ())
    images = sum(size for _, size in parts)
    return {name: sum(sums.get(name, 0.0) for sums, _ in parts) / images for name in names}
