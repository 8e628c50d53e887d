"""Training processes in pods of a cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from kubepresso import storage
from kubepresso.config.cluster import seconds
from kubepresso.errors import UserError
from kubepresso.launch.cluster import names
from kubepresso.launch.cluster.api import FORBIDDEN, UNAUTHORIZED, Cluster, ClusterError, Object
from kubepresso.launch.cluster.claiming import claim, delete_own, sweep
from kubepresso.launch.cluster.failures import explain_pods, resumable
from kubepresso.launch.cluster.following import Follower, Limits, Outcome
from kubepresso.launch.cluster.manifests import build_manifest
from kubepresso.launch.cluster.served import CLUSTER_RUNTIME, TRAIN_JOB, Served, find_runtime
from kubepresso.launch.cluster.spec import JobSpec, build_spec
from kubepresso.launch.cluster.surroundings import look_around
from kubepresso.launch.fetching import fetch_bundle, holds_bundle, with_retries
from kubepresso.launch.launcher import TrainingError, TrainingJob
from kubepresso.launch.places import reachable
from kubepresso.launch.unbroken import unbroken

#: A cancelled pod is killed after its grace period, 30 s by default.
_CANCEL_SECONDS = 15.0
#: A creation that the signal broke off may be heard by the server a little later.
_LATE_SECONDS, _LOOK_SECONDS = 5.0, 0.3


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class ClusterLauncher:
    """Makes a training job in the cluster, or finds the one of an earlier start, and follows it to its end.

    Args:
        cluster: Where to train.
        served: The kind of job.
        limits: How long to wait for what; time limit and restarts come from the job.
        say: Is called with each line of logs and progress.
    """

    def __init__(
        self,
        cluster: Cluster,
        served: Served,
        limits: Limits | None = None,
        say: Callable[[str], None] = _print,
    ) -> None:
        self._cluster, self._served = cluster, served
        self._limits, self._say = limits or Limits(), say

    def run(self, job: TrainingJob) -> None:
        """Run the training; see `kubepresso.launch.launcher.Launcher`."""
        around = look_around(self._cluster, "retrain" if job.start else "train", job.step_id)
        if around.lost:
            self._say(
                f"the step's own pod cannot be read (get pods in {self._cluster.namespace}): the job has the "
                f"image {around.image}, unless KUBEPRESSO_IMAGE names another, and may outlive its run"
            )
        spec = build_spec(job, around)
        namespace = job.environment.distributed.namespace or self._cluster.namespace
        if namespace != self._cluster.namespace:
            spec = dataclasses.replace(spec, owners=[])  # an owner must be of the same namespace
        runtime = CLUSTER_RUNTIME
        if self._served.kind == TRAIN_JOB:
            runtime = find_runtime(self._cluster, namespace, spec.settings.runtime)
            self._say(f"{spec.name}: takes the {runtime.kind} {spec.settings.runtime}")
        manifest = build_manifest(spec, self._served, runtime)
        path = self._served.kind.path(namespace)
        sweep(self._cluster, path)
        place = reachable(job.output_uri, "the model")
        try:
            self._train(job, spec, manifest, path, place)
            fetch_bundle(place, job.output)
        except UserError:
            raise
        except BaseException:
            self._cancel(manifest, path)
            raise
        with contextlib.suppress(UserError):  # rights to delete in the bucket are not asked for
            storage.remove_folder(f"{place}.checkpoints")
        self._delete(path, manifest)

    def _train(self, job: TrainingJob, spec: JobSpec, manifest: Object, path: str, place: str) -> None:
        """Follow the job, and those that come after it as long as it was interrupted and may go on."""
        distributed = job.environment.distributed

        def is_done() -> bool:
            return with_retries(lambda: holds_bundle(place, job.config))

        while True:
            found = claim(self._cluster, path, manifest, self._say, spec.grace_seconds, is_done)
            if found is None:
                self._say(f"{spec.name}: the model is written already, to {place}")
                return
            annotations = found["metadata"]["annotations"]
            started = float(annotations[names.STARTED_ANNOTATION])
            limit = seconds(distributed.timeout) if distributed.timeout else None
            limits = dataclasses.replace(
                self._limits,
                deadline=None if limit is None else started + limit,
                pod_failures=spec.max_restarts if spec.elastic else 0,
                nodes=spec.nodes,
            )
            outcome = self._follow(found, limits, path)
            if outcome.state == "succeeded":
                return
            attempt = int(annotations[names.ATTEMPT_ANNOTATION])
            if not self._goes_on(outcome, attempt, spec):
                self._give_up(outcome, found, spec, path, distributed.timeout)
            mark = {names.INTERRUPTED_ANNOTATION: f"{time.time():.0f}"}
            self._cluster.annotate(f"{path}/{found['metadata']['name']}", mark)

    def _follow(self, found: Object, limits: Limits, path: str) -> Outcome:
        try:
            return Follower(self._cluster, found, self._say, limits).wait(path)
        except ClusterError as error:
            if error.status in (FORBIDDEN, UNAUTHORIZED):
                self._say(f"{found['metadata']['name']}: nobody may follow the job, so it is deleted")
                self._delete(path, found, _CANCEL_SECONDS)
            raise

    def _goes_on(self, outcome: Outcome, attempt: int, spec: JobSpec) -> bool:
        if outcome.state != "failed":
            return False
        why = resumable(outcome.pods, outcome.said, elastic=spec.elastic)
        if why is None:
            return False
        if attempt >= spec.max_restarts:
            self._say(f"{spec.name}: {why}; not started again, max_restarts is {spec.max_restarts}")
            return False
        self._say(f"{spec.name}: {why}; goes on, restart {attempt + 1} of {spec.max_restarts}")
        return True

    def _give_up(
        self, outcome: Outcome, found: Object, spec: JobSpec, path: str, timeout: str | None
    ) -> None:
        """Keep a job that ended for whoever looks into it, end one that still runs, and say why.

        Raises:
            TrainingError: Always.
        """
        own = found["metadata"]["name"]
        name = f"{found['kind']} {found['metadata']['namespace']}/{own}"
        if outcome.state == "failed" and spec.keep_failed_seconds:
            now = time.time()
            until = datetime.fromtimestamp(now + spec.keep_failed_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            with contextlib.suppress(ClusterError):  # the training's failure is the news
                annotations = {names.FAILED_ANNOTATION: f"{now:.0f}", names.DELETE_AFTER_ANNOTATION: until}
                self._cluster.annotate(f"{path}/{own}", annotations)
                self._say(f"{own}: kept until {until} (keep_failed_seconds)")
        elif outcome.state != "deleted":
            self._delete(path, found)
        if outcome.state == "timeout":
            raise TrainingError(
                [f"{name}: took longer than environment.distributed.timeout, {timeout}, and was ended"]
            )
        if outcome.state in ("stuck", "deleted"):
            raise TrainingError([f"{name}: {outcome.said}"])
        raise explain_pods(name, outcome.pods, outcome.said, outcome.tails)

    def _cancel(self, manifest: Object, path: str) -> None:
        """Delete what was made; a second signal does not break it off."""
        self._say(f"{manifest['metadata']['name']}: cancelled, the job is deleted")
        limit = time.monotonic() + _LATE_SECONDS
        with unbroken():
            while not self._delete(path, manifest, _CANCEL_SECONDS) and time.monotonic() < limit:
                time.sleep(_LOOK_SECONDS)

    def _delete(self, path: str, manifest: Object, patience_seconds: float | None = None) -> bool:
        """Delete the job; where that cannot be done, say so and leave it. False: there was none."""
        try:
            return delete_own(self._cluster, path, manifest, patience_seconds)
        except UserError as error:
            self._say(f"{manifest['metadata']['name']}: could not be deleted: {error}")
            return True
