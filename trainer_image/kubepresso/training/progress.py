"""What a training shows: a bar on a terminal, a line for each epoch everywhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from tqdm import tqdm

from kubepresso.training.history import EpochRecord

Item = TypeVar("Item")


class Progress:
    """Prints for one process.

    Args:
        enabled: Whether this process prints at all.
        epochs: Epochs in all.
        done: Epochs done before, which do not count for the time that is left.
    """

    def __init__(self, enabled: bool, epochs: int, done: int = 0) -> None:
        self._enabled = enabled
        self._bars = enabled and sys.stderr.isatty()
        self._epochs = epochs
        self._done = done
        self._started = time.monotonic()

    def steps(self, items: Iterable[Item], total: int, description: str) -> Iterator[Item]:
        """Yield ``items``, with a bar on a terminal."""
        if not self._bars:
            yield from items
            return
        yield from tqdm(
            items, description, total, leave=False, dynamic_ncols=True, mininterval=0.5, unit="batch"
        )

    def line(self, text: str) -> None:
        """Print a line."""
        if self._enabled:
            print(text, flush=True)

    def epoch(self, record: EpochRecord, best: bool) -> None:
        """Print an epoch's line; ``*`` marks the best so far."""
        elapsed = time.monotonic() - self._started
        left = elapsed / (record.epoch - self._done) * (self._epochs - record.epoch)
        parts = [
            f"epoch {record.epoch}/{self._epochs}{'*' if best else ' '}",
            f"loss {record.train['loss']:.4f}",
            *(f"valid_{name} {value:.4f}" for name, value in record.valid.items()),
            f"lr {record.lr:.3g}",
            f"{record.images_per_second:.0f} images/s",
            f"eta {timedelta(seconds=round(left))}",
        ]
        self.line("  ".join(parts))
