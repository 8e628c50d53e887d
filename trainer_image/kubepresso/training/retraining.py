"""What changes in the ``training`` module when training starts from a model bundle."""

from __future__ import annotations

from kubepresso.config import TrainingConfig


def for_retraining(config: TrainingConfig) -> TrainingConfig:
    """Return the configuration with ``training.retraining`` applied; null keeps what training has."""
    own = config.retraining
    optimizer = {} if own.optimizer is None else own.optimizer.model_dump(exclude_none=True)
    return config.model_copy(
        update={
            "epochs": own.epochs or config.epochs,
            "scheduler": own.scheduler or config.scheduler,
            "optimizer": config.optimizer.model_copy(update=optimizer),
        }
    )
