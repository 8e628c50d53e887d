"""Why a training job failed: the first rank's own words, or what the cluster did to its pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.cluster.words import PodState
from kubepresso.launch.launcher import TrainingError
from kubepresso.launch.report import RankFailure, explain
from kubepresso.launch.termination import read_termination


def explain_pods(job: str, pods: Sequence[PodState], said: str, tails: dict[str, list[str]]) -> TrainingError:
    """Make one error of a failed job.

    A pod without memory comes first, since its peers then fail of a lost connection; then what ranks
    reported; then what the cluster says of pods; then what it says of the job. At last come pods that never
    ran, and why: others may have failed of waiting for them.

    Args:
        job: What it is called, for messages.
        pods: All that the job had, the newest state of each, in the order in which they came.
        said: The job's own reason.
        tails: The last lines of each pod's log, by its name.
    """
    error = _explain(job, pods, said, tails)
    absent = [pod for pod in pods if pod.text and not (pod.running or pod.exit_code or pod.interrupted)]
    lines = [f"{job}: {pod.node} ({pod.name}) never ran: {pod.text}" for pod in absent]
    return TrainingError([*error.problems, *lines], error.rank, error.signal)


def _explain(job: str, pods: Sequence[PodState], said: str, tails: dict[str, list[str]]) -> TrainingError:
    ended = [pod for pod in pods if pod.exit_code or pod.interrupted]
    for pod in ended:
        if pod.reason == "OOMKilled":
            return TrainingError(
                [
                    f"{job}: {pod.node} ({pod.name}) ran out of memory (OOMKilled); give pods more by "
                    "environment.distributed.memory, or set a smaller environment.batch_size or fewer "
                    "num_workers"
                ],
                signal=9,
            )
    failures: list[RankFailure] = [failure for pod in ended for failure in read_termination(pod.message)]
    if failures:
        return explain(failures, 1)
    for pod in sorted(ended, key=lambda pod: (pod.exit_code == RESUME_EXIT_CODE, pod.finished)):
        return TrainingError([f"{job}: {pod.node} ({pod.name}): {pod.text}", *_tail(pod, tails)])
    return TrainingError([f"{job}: {said or 'failed, and the cluster does not say why'}"])


def _tail(pod: PodState, tails: dict[str, list[str]]) -> list[str]:
    lines = pod.message.splitlines()[-20:] or tails.get(pod.name, [])[-20:]
    return ["\n".join(["its last lines:", *lines])] if lines else []


def resumable(pods: Iterable[PodState], said: str, *, elastic: bool) -> str | None:
    """Return why a failed job may go on: it was interrupted from outside, or a rank was killed; else None.

    Args:
        pods: Of the job.
        said: The job's own reason.
        elastic: Whether torchrun has replaced killed ranks already, as often as it may.
    """
    seen = list({pod.node: pod for pod in pods}.values())  # not those that others have taken the place of
    failures = [failure for pod in seen for failure in read_termination(pod.message)]
    if any(failure.problems for failure in failures):
        return None
    if _interrupted(seen):
        return next((f"{pod.node} {pod.text}" for pod in seen if pod.interrupted), said)
    error = explain(failures, 1)
    # What ran out of memory would do so again.
    if elastic or not error.signal or any(pod.reason == "OOMKilled" for pod in seen):
        return None
    return str(error)


def _interrupted(seen: Sequence[PodState]) -> bool:
    """Say whether the pods were interrupted from outside, and nothing failed by itself before.

    Ranks beside an interrupted one fail of the lost connection. The other way round, pods beside one that
    failed are asked to end by the job's controller, and then look interrupted.
    """
    if any(pod.disrupted for pod in seen):
        return True
    asked = [pod.finished for pod in seen if pod.exit_code == RESUME_EXIT_CODE]
    failed = [pod.finished for pod in seen if pod.exit_code and pod.exit_code != RESUME_EXIT_CODE]
    return bool(asked) and (not failed or min(asked) <= min(failed))
