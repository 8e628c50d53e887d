"""Metrics, one a module, and the confusion matrix and ROC curve of an evaluation."""
