"""What launcher and pod agree on: names of variables and places. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

#: The configuration's text.
CONFIG_VARIABLE = "KUBEPRESSO_CONFIG"
#: The job's name, by which elastic nodes find one another.
JOB_VARIABLE = "KUBEPRESSO_JOB"
#: Where the pod keeps what it fetches and writes; an emptyDir.
SCRATCH = Path("/var/lib/kubepresso")
#: Overrides `SCRATCH`, and the place of the termination message.
SCRATCH_VARIABLE = "KUBEPRESSO_SCRATCH"
TERMINATION_VARIABLE = "KUBEPRESSO_TERMINATION_LOG"
