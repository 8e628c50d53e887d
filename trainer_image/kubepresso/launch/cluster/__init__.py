"""Training as pods of a cluster: a Kubeflow TrainJob or PyTorchJob, made, followed and cleaned up."""

from kubepresso.launch.cluster.api import Cluster
from kubepresso.launch.cluster.connecting import connect
from kubepresso.launch.cluster.following import Limits
from kubepresso.launch.cluster.launcher import ClusterLauncher
from kubepresso.launch.cluster.served import Served, choose_kind

__all__ = ["Cluster", "ClusterLauncher", "Limits", "Served", "choose_kind", "connect"]
