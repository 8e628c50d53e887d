"""What the cluster says of a job's pods, in words that say what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.cluster.api import Object

#: Why an image cannot be had. A registry hiccup passes; so they are fatal after a time only.
IMAGE_ERRORS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
#: Why a container cannot be made: a Secret or key that is not there.
CONFIG_ERRORS = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_EVICTED = {
    "Evicted": "evicted: its node ran out of disk or memory",
    "Preempted": "preempted by pods of higher priority",
    "Preempting": "preempted by pods of higher priority",
    "DeletionByTaintManager": "its node was drained or lost",
    "TaintManagerEviction": "its node was drained or lost",
    "PreemptionByScheduler": "preempted by pods of higher priority",
    "EvictionByEvictionAPI": "evicted, as when a node is drained",
    "DeletionByPodGC": "its node is gone",
    "TerminationByKubelet": "ended by its node, which ran short or was shut down",
    "NodeLost": "its node was lost",
    "Shutdown": "its node was shut down",
    "Terminated": "its node was shut down",
}
#: How runtime and kubelet call a container of which nothing is known any more: its node was started anew.
_VANISHED = {"ContainerStatusUnknown", "Unknown"}
_INDEX = "batch.kubernetes.io/job-completion-index"
#: Reasons of events that say nothing to whoever waits for a training.
QUIET_EVENTS = ("SuccessfulCreate", "SuccessfulCreatePod", "Created", "Started", "Pulled", "Killing")


@dataclass(frozen=True)
class PodState:
    """What is known of one pod.

    Attributes:
        name: Of the pod.
        uid: Of the pod.
        node: Its number in the training, as ``node-0``.
        phase: ``Pending``, ``Running``, ``Succeeded`` or ``Failed``.
        restarts: Of its container.
        running: Whether its container runs or has run, so that there is a log.
        ended: Whether its container has ended.
        finished: When that was, by the cluster's clock; empty where it is not known.
        exit_code: Of the container that ended, else of its run before; None where there is none.
        message: The termination message of the same.
        reason: Why it ended or waits, in Kubernetes' words.
        text: What is the matter in our words; empty where nothing is.
        stuck: Whether it waits for something that somebody must mend.
        disrupted: Whether the cluster ended it: evicted, preempted, its node lost.
    """

    name: str
    uid: str
    node: str
    phase: str
    restarts: int
    running: bool
    ended: bool
    finished: str
    exit_code: int | None
    message: str
    reason: str
    text: str
    stuck: bool
    disrupted: bool

    @property
    def interrupted(self) -> bool:
        """Whether it was ended from outside and may go on elsewhere."""
        return self.disrupted or self.exit_code == RESUME_EXIT_CODE


def read_pod(pod: Object, container_name: str, has_master: bool = False) -> PodState:
    """Read a pod.

    Args:
        pod: As the API has it.
        container_name: The container that trains.
        has_master: Whether worker 0 is the second node, as in a PyTorchJob with a master.
    """
    status = pod.get("status", {})
    main = _named(status.get("containerStatuses") or [], container_name)
    state, restarts = main.get("state") or {}, int(main.get("restartCount", 0))
    running = "running" in state or "terminated" in state or restarts > 0
    first = None if running else _failing_init_container(status)
    container = first or main
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    last = ended or (container.get("lastState") or {}).get("terminated") or {}
    who = f"its init container {first['name']} " if first else ""
    interruption = _interruption(status, main)
    reason = interruption[0] or waiting.get("reason") or last.get("reason") or ""
    stuck = waiting.get("reason") in IMAGE_ERRORS | CONFIG_ERRORS
    exit_code = last.get("exitCode")
    return PodState(
        name=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        node=node_name(pod, has_master),
        phase=status.get("phase", "Pending"),
        restarts=restarts,
        running=running,
        ended=ended is not None,
        finished=last.get("finishedAt") or "",
        exit_code=exit_code,
        message=last.get("message") or "",
        reason=reason,
        text=interruption[1]
        or _waiting(waiting, pod, container)
        or _ended(last, who)
        or _unscheduled(status),
        stuck=stuck,
        disrupted=bool(interruption[0]),
    )


def removed_pod(pod: PodState, content: Object | None = None) -> PodState:
    """Return a pod that was deleted; one that had not ended is taken as asked to end at that time.

    Args:
        pod: As it was last.
        content: The pod with its time of deletion; None: it is gone, nobody saw when.
    """
    if pod.ended or not pod.running:
        return pod
    metadata = content["metadata"] if content else {}
    asked = datetime.now(UTC)
    if until := metadata.get("deletionTimestamp"):
        grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
        asked = datetime.fromisoformat(until[:19]) - grace
    text = pod.text or "was deleted while it trained"
    finished = f"{asked:%Y-%m-%dT%H:%M:%S}Z"
    return replace(pod, ended=True, exit_code=RESUME_EXIT_CODE, finished=finished, text=text)


def node_name(pod: Object, has_master: bool) -> str:
    """Return the number of a pod's node, as a prefix of its log."""
    labels = pod["metadata"].get("labels") or {}
    if "training.kubeflow.org/replica-type" in labels:
        index = int(labels.get("training.kubeflow.org/replica-index", 0))
        worker = labels["training.kubeflow.org/replica-type"].lower() == "worker"
        return f"node-{index + (1 if worker and has_master else 0)}"
    annotations = pod["metadata"].get("annotations") or {}
    return f"node-{labels.get(_INDEX) or annotations.get(_INDEX) or 0}"


def read_event(event: Object) -> str | None:
    """Return an event in words, None where it says nothing worth a line."""
    reason, text = event.get("reason", ""), " ".join(str(event.get("message", "")).split())
    if reason in QUIET_EVENTS or (event.get("type") == "Normal" and reason not in _NORMAL):
        return None
    if reason == "FailedScheduling":
        return f"no room for a pod yet: {_insufficient(text)}"
    if "exceeded quota" in text:
        return f"the namespace's quota does not allow more pods: {text}"
    return f"{_NORMAL.get(reason, reason)}: {text}"


_NORMAL = {
    "QuotaReserved": "Kueue has reserved quota",
    "Admitted": "Kueue has admitted the job",
    "Pending": "Kueue lets the job wait",
    "Suspended": "the job is suspended",
    "Evicted": "evicted",
    "Preempted": "preempted",
    "Scheduled": "scheduled",
    "Pulling": "the image is pulled",
    "TriggeredScaleUp": "the cluster adds a node",
}


def _insufficient(text: str) -> str:
    missing = sorted(set(re.findall(r"Insufficient ([\w./-]+)", text)))
    return f"not enough {', '.join(missing)} ({text})" if missing else text


def _named(containers: list[Object], name: str) -> Object:
    return next((container for container in containers if container["name"] == name), {})


def _interruption(status: Object, main: Object) -> tuple[str, str]:
    """Return why a pod was ended from outside, in Kubernetes' words and in ours."""
    for condition in status.get("conditions") or []:
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            reason = condition.get("reason", "")
            text = _EVICTED.get(reason, f"ended by the cluster ({reason})")
            return reason or "DisruptionTarget", text + _details(status.get("message"))
    reason = str(status.get("reason") or "") if status.get("phase") == "Failed" else ""
    if reason in _EVICTED:
        return reason, _EVICTED[reason] + _details(status.get("message"))
    state = main.get("state") or {}
    if reason and not ("running" in state or "terminated" in state):
        # A GPU that the scheduler still counted, or a node that has changed: there are others.
        return reason, f"was refused by its node ({reason})" + _details(status.get("message"))
    if (vanished := (state.get("terminated") or {}).get("reason")) in _VANISHED:
        return str(vanished), "vanished, as when its node is started anew"
    return "", ""


def _details(message: str | None) -> str:
    """Return the kubelet's own words, which name the volume or resource of which there was too little."""
    return f" ({' '.join(message.split())})" if message else ""


def _failing_init_container(status: Object) -> Object | None:
    containers: list[Object] = status.get("initContainerStatuses") or []
    for container in containers:
        state = container.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode"):
            return container
        if (state.get("waiting") or {}).get("reason") in IMAGE_ERRORS | CONFIG_ERRORS:
            return container
    return None


def _image(pod: Object, name: str) -> str:
    containers = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    return str(_named(containers, name).get("image", ""))


def _waiting(waiting: Object, pod: Object, container: Object) -> str:
    reason, message = waiting.get("reason", ""), " ".join(str(waiting.get("message", "")).split())
    if reason in IMAGE_ERRORS:
        image = _image(pod, container["name"])
        return f"the image {image} cannot be pulled ({reason}: {message})"
    if reason in CONFIG_ERRORS:
        return f"its container cannot be made ({reason}: {message})"
    return ""


def _ended(last: Object, who: str = "") -> str:
    code = last.get("exitCode")
    if not last or code == 0:
        return ""
    if last.get("reason") == "OOMKilled":
        return f"{who}ran out of memory (OOMKilled)"
    if code == RESUME_EXIT_CODE:
        return "was asked to end, or lost the node that others met at, and can go on from its last checkpoint"
    return f"{who}ended with exit status {code}"


def _unscheduled(status: Object) -> str:
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = " ".join(str(condition.get("message", "")).split())
            return f"waits for a node: {_insufficient(message)}"
    return ""
