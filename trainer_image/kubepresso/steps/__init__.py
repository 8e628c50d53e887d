"""One module for each step: plain functions, paths in and paths out, no kfp."""

from kubepresso.steps.artifacts import log_classification, log_metrics
from kubepresso.steps.execution import execute

__all__ = ["execute", "log_classification", "log_metrics"]
