"""Checks across keys and modules: each is a function of the modules that are there."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks import architecture, labels, modules, sizes, tasks, training
from kubepresso.config.checks.findings import Finding
from kubepresso.config.checks.parts import check_parts
from kubepresso.config.checks.recipes import check_recipes
from kubepresso.config.checks.stacking import check_stacking
from kubepresso.config.checks.untrainable import find_untrainable
from kubepresso.config.checks.unused import check_unused
from kubepresso.config.config import View

__all__ = ["Finding", "find", "find_untrainable"]

_CHECKS = (
    modules.check_data,
    modules.check_task,
    modules.check_checkpoint,
    training.check_training,
    training.check_validations,
    modules.check_logging,
    modules.check_environment,
    check_parts,
    check_recipes,
    check_stacking,
    tasks.check_model_for_task,
    tasks.check_metrics_for_task,
    tasks.check_layout,
    labels.check_labels,
    labels.check_flips,
    labels.check_ignored,
    architecture.check_architecture,
    sizes.check_sizes,
    sizes.check_head_sizes,
    sizes.check_epochs,
    check_unused,
)


def find(view: View) -> Iterator[Finding]:
    """Run every check on the modules that are there."""
    for check in _CHECKS:
        yield from check(view)
