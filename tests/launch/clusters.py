"""A connection to a test's API server."""

from kubernetes import client

from kubepresso.launch.cluster import Cluster, ClusterLauncher, Limits, choose_kind

QUICK = Limits(stuck_seconds=0.5, drain_seconds=5.0, resync_seconds=30.0)


def connected(api, patience_seconds=20.0) -> Cluster:
    settings = client.Configuration()
    settings.host, settings.retries = api.url, False
    return Cluster(client.ApiClient(settings), "training", patience_seconds)


def launcher(api, wanted=None, said=None, limits=QUICK, patience_seconds=20.0) -> ClusterLauncher:
    cluster = connected(api, patience_seconds)
    say = said.append if said is not None else print
    return ClusterLauncher(cluster, choose_kind(cluster, wanted), limits, say)
