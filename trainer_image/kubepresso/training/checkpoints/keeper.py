"""When checkpoints are taken: every so many steps or minutes, at the end of epochs, and on SIGTERM."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kubepresso.config.training import Checkpointing
from kubepresso.errors import UserError
from kubepresso.training.checkpoints import snapshot
from kubepresso.training.checkpoints.files import Found
from kubepresso.training.checkpoints.kept import Kept
from kubepresso.training.checkpoints.writer import Writer
from kubepresso.training.distributed import Group
from kubepresso.training.process import StopRequest
from kubepresso.training.state import TrainingState
from kubepresso.training.stopping import Agreement, InterruptedTrainingError, Wish


@dataclass
class Keeper:
    """Takes checkpoints of one training, in every process of the group; the main process writes them.

    Args:
        kept: Where they go.
        state: What is kept.
        group: The processes that train together.
        config: ``training.checkpoints``.
        stop: Whether this process was asked to end.
    """

    kept: Kept
    state: TrainingState
    group: Group
    config: Checkpointing
    stop: StopRequest
    _pending: snapshot.Snapshot | None = None
    _writer: Writer = field(default_factory=Writer)
    _last: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._agreement = Agreement(self.group, self._wish)

    def newest(self) -> Found | None:
        """Return the checkpoint to go on from, the same in every process."""
        return self.group.share(self.kept.newest() if self.group.is_main else None)

    def after_step(self) -> None:
        """Save if it is time to.

        Raises:
            UserError: A checkpoint could not be written.
            InterruptedTrainingError: This or another process was asked to end; the state is saved.
        """
        self.stop.beat()
        self._writer.check()
        if self.group.roll_call:
            self.group.roll_call.note(self.state.epoch + 1, self.state.step)
        granted = self._agreement.after_step()
        every = self.config.every_steps
        if granted is Wish.STOP:
            self._leave(snapshot.take(self.state, self.group))
        if granted is Wish.SAVE or (every is not None and self.state.step % every == 0):
            self._save()

    def before_validation(self) -> None:
        """Keep the state at hand, so that an end in the middle of the validation loses no step."""
        self._pending = snapshot.take(self.state, self.group)

    def while_validating(self) -> bool:
        """Say whether to break off, since this or another process was asked to end.

        None leaves alone: the state that `before_validation` kept is in the main process, and those that go
        on would fail of the lost connection. See `after_validation`.
        """
        self.stop.beat()
        return self._agreement.stopping()

    def after_validation(self) -> None:
        """Leave if any process broke off; all must call it.

        Raises:
            InterruptedTrainingError: One did; what `before_validation` kept is saved.
        """
        if self._agreement.stopped():
            self._leave(self._pending)

    def after_epoch(self, best: bool, due: bool) -> None:
        """Save the weights of the best epoch, and the state where a checkpoint is due.

        Args:
            best: Whether the epoch is the best so far.
            due: Whether a checkpoint is due whatever the time; it is after the last epoch.
        """
        self._pending = None
        weights = snapshot.take_weights(self.state) if best and self.group.is_main else None
        if due or self.group.share(self._overdue()):
            self._save(weights)
        elif weights:
            self._write(None, weights)

    def finish(self) -> None:
        """Wait until everything is written; what could not be costs no model, which is written next."""
        self._agreement.finish()
        self._tolerate(self._writer.flush, "training is done, and the model is written all the same")

    def close(self) -> None:
        """End the thread that writes."""
        self._writer.close()

    def _wish(self) -> Wish:
        if self.stop.arrived:
            return Wish.STOP
        return Wish.SAVE if self.group.is_main and self._overdue() else Wish.GO_ON

    def _overdue(self) -> bool:
        minutes = self.config.every_minutes
        return minutes is not None and time.monotonic() - self._last >= 60 * minutes

    def _save(self, weights: snapshot.Snapshot | None = None) -> None:
        with self.stop.saving():
            self._writer.flush()  # before the copy is made: else there were two of them on the device
        self._last = time.monotonic()
        self._write(snapshot.take(self.state, self.group), weights)

    def _write(self, taken: snapshot.Snapshot | None, weights: snapshot.Snapshot | None = None) -> None:
        epoch = self.state.epoch

        def write() -> None:
            # First the weights: a state names the epoch whose weights are the best.
            if weights:
                self.kept.save_best(epoch, weights.on_cpu())
            if taken:
                self.kept.save(taken.on_cpu(), taken.values)

        if taken or weights:
            with self.stop.saving():
                self._writer.put(write)

    def _leave(self, taken: snapshot.Snapshot | None) -> None:
        """Save without waiting for an earlier checkpoint: its upload may hang until the time is over."""

        def save() -> None:
            if taken:
                values = taken.values
                self.kept.write(taken.on_cpu(), values)
                self._writer.put(lambda: self.kept.copy(values))
            self._writer.flush()

        with self.stop.saving():
            self._tolerate(save, "training goes on from the checkpoint before it")
        raise InterruptedTrainingError

    def _tolerate(self, call: Callable[[], None], otherwise: str) -> None:
        """Do the last that there is to do; where it fails, say what counts then."""
        try:
            call()
        except UserError as error:
            for line in error.problems:
                self.kept.warn(f"{line}; {otherwise}")
