"""Schedules by the name they have in ``training.scheduler``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepresso.registry import Registry

Schedule = Callable[[float, int], float]
"""The group's own lr and the epoch, counted from 0, to the lr of that epoch."""

SCHEDULES: Registry[Callable[[Any, int], Schedule]] = Registry("kubepresso.training.schedules")
"""From the config entry and the number of epochs (at most which the schedule lasts) to a schedule."""
