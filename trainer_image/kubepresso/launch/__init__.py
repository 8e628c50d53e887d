"""Where training processes run. `choose_launcher` reads ``environment.distributed.launcher``."""

from __future__ import annotations

import os
from pathlib import Path

from kubepresso.launch.launcher import Launcher, TrainingError, TrainingJob
from kubepresso.launch.local import LocalLauncher

__all__ = ["Launcher", "LocalLauncher", "TrainingError", "TrainingJob", "choose_launcher"]

#: There in every pod of a cluster that may call its API.
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def choose_launcher(name: str) -> Launcher:
    """Return the launcher that ``environment.distributed.launcher`` names.

    Args:
        name: ``auto`` is the cluster's TrainJob or else PyTorchJob, in a pod that may ask a cluster which
            serves one of them; everywhere else it is this machine.

    Raises:
        UserError: The cluster does not answer, or does not serve what is asked for.
    """
    if name == "local" or (name == "auto" and not (_IN_CLUSTER in os.environ and _TOKEN.is_file())):
        return LocalLauncher()
    from kubepresso.launch.cluster import ClusterLauncher, choose_kind, connect

    cluster = connect()
    kind = choose_kind(cluster, None if name == "auto" else name)
    return ClusterLauncher(cluster, kind) if kind else LocalLauncher()
