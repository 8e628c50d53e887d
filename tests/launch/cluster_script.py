"""What happens to a job's pods, as a test tells it."""

import time

from cluster_api import now

SPEC = {"containers": [{"name": "node", "image": "registry/kubepresso:1"}]}


class Play:
    """One job's life; each call is a thing that a controller, scheduler or kubelet would do."""

    def __init__(self, api, job):
        self.api, self.job = api, job
        self.name = job["metadata"]["name"]
        self.plural = f"{job['kind'].lower()}s"
        self.pytorch = job["kind"] == "PyTorchJob"
        self.attempt = int(job["metadata"]["annotations"]["kubepresso.io/attempt"])

    def pod(self, index=0, text=None):
        """Create a pending pod; ``text`` is why it waits for a node."""
        if self.pytorch:
            master = "Master" in self.job["spec"]["pytorchReplicaSpecs"]
            kind, place = ("master", 0) if master and index == 0 else ("worker", index - master)
            labels = {
                "training.kubeflow.org/job-name": self.name,
                "training.kubeflow.org/replica-type": kind,
                "training.kubeflow.org/replica-index": str(place),
            }
            name = f"{self.name}-{kind}-{place}"
        else:
            labels = {
                "jobset.sigs.k8s.io/jobset-name": self.name,
                "batch.kubernetes.io/job-completion-index": str(index),
            }
            name = f"{self.name}-node-0-{index}-{self.attempt}xyz"
        status = {"phase": "Pending"}
        if text:
            condition = {"type": "PodScheduled", "status": "False", "message": text}
            status["conditions"] = [condition]
        container = "pytorch" if self.pytorch else "node"
        spec = {"containers": [{"name": container, "image": "registry/kubepresso:1"}]}
        content = {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}
        return self.api.put("pods", content, "ADDED")

    def state(self, pod, phase, state, restarts=0, **status):
        """Change a pod's phase and its container's state."""
        pod = self.api.get("pods", pod["metadata"]["name"])
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "state": state,
            "restartCount": restarts,
        }
        if "last" in status:
            container["lastState"] = status.pop("last")
        pod["status"] = {"phase": phase, "containerStatuses": [container], **status}
        return self.api.put("pods", pod)

    def run(self, pod, *lines, restarts=0, **status):
        pod = self.state(pod, "Running", {"running": {"startedAt": now()}}, restarts, **status)
        self.api.log(pod, *lines)
        return pod

    def wait(self, pod, reason, message):
        return self.state(pod, "Pending", {"waiting": {"reason": reason, "message": message}})

    def end(self, pod, code=0, message="", reason=None, finished=None, **status):
        reason = reason or ("Completed" if code == 0 else "Error")
        ended = {"exitCode": code, "message": message, "reason": reason, "finishedAt": finished or now()}
        return self.state(pod, "Succeeded" if code == 0 else "Failed", {"terminated": ended}, **status)

    def restart(self, pod, code, message=""):
        """End the container and start it again in its pod; the log begins anew."""
        uid = pod["metadata"]["uid"]
        with self.api.changed:
            last = {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}
            self.api.previous[uid] = self.api.logs[uid]
            self.api.logs[uid] = []
            return self.run(pod, restarts=1, last=last)

    def condition(self, kind, reason="", message="", status="True"):
        """Set a condition of the job."""
        job = self.api.get(self.plural, self.name)
        job["status"]["conditions"] = [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": now(),
            }
        ]
        self.api.put(self.plural, job)

    def suspend(self, yes=True):
        """Do as Kueue when it takes the quota back, or gives it."""
        job = self.api.get(self.plural, self.name)
        (job["spec"]["runPolicy"] if self.pytorch else job["spec"])["suspend"] = yes
        self.api.put(self.plural, job)

    def succeed(self):
        self.condition("Succeeded" if self.pytorch else "Complete", "JobsCompleted", "done")

    def fail(self, message="job failed"):
        self.condition("Failed", "JobsFailed", message)

    def event(self, reason, message, kind="Warning", about=None):
        name = f"event-{time.monotonic_ns()}"
        involved = {"name": about or self.name}
        content = {
            "metadata": {"name": name},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "lastTimestamp": now(),
        }
        self.api.put("events", content, "ADDED")

    def here(self):
        """Say whether the job has not been deleted."""
        return self.api.alive(self.plural, self.job)
