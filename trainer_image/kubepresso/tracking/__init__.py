"""MLflow: one parent run for a pipeline run, a child for each step. Its trouble never stops a step."""

from kubepresso.tracking.registry import Registry, Version
from kubepresso.tracking.runs import PipelineRun, Run, mark_failed, pipeline_run, step_run
from kubepresso.tracking.store import LoggingSettings, Store, locate, pipeline_run_id, redact

__all__ = [
    "LoggingSettings",
    "PipelineRun",
    "Registry",
    "Run",
    "Store",
    "Version",
    "locate",
    "mark_failed",
    "pipeline_run",
    "pipeline_run_id",
    "redact",
    "step_run",
]
