"""Classification: one class for each image."""

from kubepresso.tasks.classification.task import ClassificationTask

__all__ = ["ClassificationTask"]
