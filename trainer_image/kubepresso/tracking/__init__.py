"""MLflow: one parent run for a pipeline run, one child run for each step. Trouble warns and never kills."""
