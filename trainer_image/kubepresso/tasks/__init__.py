"""One folder a task: its losses, metrics and post-processing. The engine knows only the Task protocol."""
