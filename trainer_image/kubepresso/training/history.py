"""What was measured, epoch by epoch, and which epoch is the best."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: Counted from 1.
        lr: Learning rate of the first parameter group.
        train: Mean losses over the epoch's training images.
        valid: Losses and metrics on the validation split; empty where the epoch was not validated.
        seconds: Time of training, without validation and saving.
        images_per_second: Training images of all processes in that time.
    """

    epoch: int
    lr: float
    train: dict[str, float]
    valid: dict[str, float]
    seconds: float
    images_per_second: float

    def flat(self) -> dict[str, float]:
        """Return all figures but the epoch, with ``train_`` and ``valid_`` before their names."""
        train = {f"train_{name}": value for name, value in self.train.items()}
        valid = {f"valid_{name}": value for name, value in self.valid.items()}
        speed = {"seconds": self.seconds, "images_per_second": self.images_per_second}
        return {"lr": self.lr, **train, **valid, **speed}


@dataclass
class History:
    """All epochs so far.

    Args:
        criterion: What is compared on the validation split: ``loss``, or the name of the primary metric.
        higher_is_better: Whether more of it is better.
    """

    criterion: str
    higher_is_better: bool
    epochs: list[EpochRecord] = field(default_factory=list)

    def add(self, record: EpochRecord) -> bool:
        """Append an epoch.

        Returns:
            Whether it is the best so far; an equal one is not.
        """
        previous = self.best
        self.epochs.append(record)
        if not record.valid:
            return False
        return previous is None or self._rank(record) > self._rank(previous)

    @property
    def best(self) -> EpochRecord | None:
        """The best validated epoch, the earliest of equals."""
        validated = [record for record in self.epochs if record.valid]
        return max(validated, key=self._rank) if validated else None

    def _rank(self, record: EpochRecord) -> float:
        value = record.valid[self.criterion]
        return value if self.higher_is_better else -value

    def to_json(self) -> dict[str, Any]:
        """Return it in a form for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> History:
        """Return what `to_json` was called on."""
        epochs = [EpochRecord(**record) for record in values["epochs"]]
        return cls(values["criterion"], values["higher_is_better"], epochs)

    def to_csv(self) -> str:
        """Return a table with a row for each epoch; cells are empty where an epoch was not validated."""
        rows = [{"epoch": record.epoch, **record.flat()} for record in self.epochs]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()
