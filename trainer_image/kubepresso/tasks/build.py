"""From ``model.task`` to the task's own class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubepresso.errors import UserError
from kubepresso.tasks.classification import ClassificationTask
from kubepresso.tasks.task import Task

_TASKS: dict[str, Callable[[Sequence[str], Sequence[Any], Sequence[str] | None], Task]] = {
    "classification": ClassificationTask,
}


def build_task(
    name: str, classes: Sequence[str], losses: Sequence[Any], metric_names: Sequence[str] | None = None
) -> Task:
    """Build the task.

    Args:
        name: ``model.task``.
        classes: Class names in the order of their indices.
        losses: The entries of ``model.losses``.
        metric_names: ``logging.metrics.metric_names``; None takes all of the task.

    Raises:
        UserError: The task is not available.
    """
    if name not in _TASKS:
        raise UserError(f"model.task: {name!r} cannot be trained yet, allowed {', '.join(_TASKS)}")
    return _TASKS[name](classes, losses, metric_names)
