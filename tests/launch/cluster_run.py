"""A train step in a process of its own, against a test's API server: ``cluster_run.py JOB.json``."""

import json
import sys
from pathlib import Path

from kubepresso.config import parse_view
from kubepresso.launch import TrainingJob, choose_launcher
from kubepresso.steps.execution import exit_on_user_error


def main() -> None:
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = json.loads(Path(sys.argv[1]).read_text())
    environment = parse_view(given["config"]).need("environment")
    places = {name: Path(given[name]) for name in ("dataset", "output")}
    rest = {name: given[name] for name in ("config", "step_id", "dataset_uri", "output_uri")}
    job = TrainingJob(environment=environment, start=None, **places, **rest)
    with exit_on_user_error("train"):
        choose_launcher(environment.distributed.launcher).run(job)


if __name__ == "__main__":
    main()
