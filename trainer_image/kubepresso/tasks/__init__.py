"""Tasks: each its losses, metrics and post-processing in one folder, seen by the engine through `Task` alone."""
