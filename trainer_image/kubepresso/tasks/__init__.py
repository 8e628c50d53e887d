"""Tasks: each its losses and metrics in one folder, seen by the engine through `Task` alone."""
