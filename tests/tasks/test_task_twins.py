"""What is said to be trainable is implemented, and whatever is implemented the YAML may name."""

from typing import get_args

from kubepresso.config import trainable
from kubepresso.config.base import Task
from kubepresso.config.logging import METRICS as METRICS_OF
from kubepresso.config.model.losses import Loss
from kubepresso.tasks.build import _TASKS
from kubepresso.tasks.classification.registry import LOSSES, METRICS


def test_tasks():
    assert set(trainable.TASKS) == set(_TASKS)
    assert set(trainable.TASKS) <= set(get_args(Task))
    assert set(METRICS_OF) == set(get_args(Task))


def test_losses():
    named = {loss.model_fields["criterion"].default for loss in get_args(get_args(Loss)[0])}
    assert set(trainable.LOSSES) == set(LOSSES)
    assert set(trainable.LOSSES) <= named


def test_metrics():
    assert set(trainable.METRICS) == set(METRICS)
    assert set(METRICS) == set(METRICS_OF["classification"])
