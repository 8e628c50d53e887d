"""Training pods as processes of this machine."""

import os
import subprocess
import sys


class Pod:
    """A training pod as a process; its folder stands for its disk.

    ``container`` is a command that runs it as the first process of its own.
    """

    def __init__(self, folder, arguments, container=(), **variables):
        folder.mkdir(parents=True, exist_ok=True)
        self.termination = folder / "termination-log"
        self.log = folder / "log"
        own = {
            "KUBEPRESSO_SCRATCH": str(folder / "scratch"),
            "KUBEPRESSO_TERMINATION_LOG": str(self.termination),
            "OMP_NUM_THREADS": "1",
        }
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*container, sys.executable, "-m", "kubepresso.launch.pod", *arguments],
                env={**os.environ, **variables, **own},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self, seconds=120):
        return self.process.wait(seconds)

    @property
    def message(self):
        return self.termination.read_text() if self.termination.exists() else ""
