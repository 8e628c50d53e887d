"""Checks across keys and modules: each is a function of the modules that are there."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks import modules
from kubepresso.config.checks.findings import Finding
from kubepresso.config.checks.recipes import check_recipes
from kubepresso.config.checks.unused import check_unused
from kubepresso.config.config import View

__all__ = ["Finding", "find"]

_CHECKS = (
    modules.check_data,
    modules.check_task,
    modules.check_checkpoint,
    modules.check_training,
    modules.check_logging,
    modules.check_environment,
    check_recipes,
    check_unused,
)


def find(view: View) -> Iterator[Finding]:
    """Run every check on the modules that are there."""
    for check in _CHECKS:
        yield from check(view)
