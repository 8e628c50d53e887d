"""The cluster that this process belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from kubernetes import client, config

from kubepresso.errors import UserError
from kubepresso.launch.cluster.api import Cluster

#: How long the API may be away before the launcher gives up.
PATIENCE_VARIABLE = "KUBEPRESSO_API_PATIENCE_SECONDS"
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_PATIENCE_SECONDS = 300.0
#: Followers of the logs of many nodes keep a connection each.
_CONNECTIONS = 256


def connect() -> Cluster:
    """Connect to the cluster that this pod runs in, else to the one of the user's kubeconfig.

    Raises:
        UserError: There is neither.
    """
    settings = client.Configuration()
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=settings)
            namespace = _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
        else:
            config.load_kube_config(client_configuration=settings)
            _, context = config.list_kube_config_contexts()
            namespace = context["context"].get("namespace") or "default"
    except (config.ConfigException, OSError) as error:
        raise UserError(
            f"environment.distributed.launcher: no cluster to train on ({error}); run in a pod with a "
            "service account, point KUBECONFIG at a cluster, or set launcher: local"
        ) from error
    settings.retries = False  # our own retries know how long to go on
    settings.connection_pool_maxsize = _CONNECTIONS
    return Cluster(client.ApiClient(settings), namespace, _patience())


def _patience() -> float:
    text = os.environ.get(PATIENCE_VARIABLE) or str(_PATIENCE_SECONDS)
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{PATIENCE_VARIABLE}: must be a number of seconds, found {text!r}") from None
