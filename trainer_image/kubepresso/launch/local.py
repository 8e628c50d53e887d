"""Training processes on this machine, by torchrun."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kubepresso.config import EnvironmentConfig
from kubepresso.config.cluster import seconds
from kubepresso.errors import UserError
from kubepresso.launch.launcher import TrainingError, TrainingJob
from kubepresso.launch.node import ENDING_VARIABLE, STANDALONE, about_launch, ending_seconds
from kubepresso.launch.report import explain, read_report
from kubepresso.training.process import available_cores

#: For torchrun itself to end, once its ranks have.
_END_SECONDS = 10
_VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"


class LocalLauncher:
    """Starts torchrun as a child with the standard streams of this process and awaits it.

    Args:
        timeout_seconds: After which all processes are ended; None takes ``distributed.timeout``.
    """

    def __init__(self, timeout_seconds: float | None = None) -> None:
        self._timeout_seconds = timeout_seconds

    def run(self, job: TrainingJob) -> None:
        """Run the training; see `kubepresso.launch.launcher.Launcher`.

        When a process was killed, all are started again, ``distributed.max_restarts`` times, and go on from
        the last checkpoint.
        """
        distributed = job.environment.distributed
        limit = self._timeout_seconds
        if limit is None and distributed.timeout:
            limit = seconds(distributed.timeout)
        deadline = None if limit is None else time.monotonic() + limit
        for restart in range(1, distributed.max_restarts + 2):
            try:
                self._run_once(job, deadline)
            except TrainingError as error:
                if not error.signal or restart > distributed.max_restarts:
                    raise
                again = f"started again from the last checkpoint, {restart} of {distributed.max_restarts}"
                sys.stderr.write(f"warning: {error}; {again}\n")
            except subprocess.TimeoutExpired:
                raise TrainingError([f"training took more than {limit:g} s"]) from None
            else:
                return

    def _run_once(self, job: TrainingJob, deadline: float | None) -> None:
        processes, patience = count_processes(job.environment), ending_seconds(job.config)
        with tempfile.TemporaryDirectory(prefix="kubepresso-") as name:
            folder = Path(name)
            (folder / "config.yaml").write_text(job.config, encoding="utf-8")
            report = folder / "failures.json"
            child = subprocess.Popen(  # noqa: S603 - our own module
                _command(job, folder / "config.yaml", processes),
                env=_environment(job, processes, report) | {ENDING_VARIABLE: str(patience)},
                start_new_session=True,
            )
            try:
                exit_code = child.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            finally:
                _stop(child, patience + _END_SECONDS)
            if exit_code:
                raise explain(read_report(report), exit_code)


def count_processes(environment: EnvironmentConfig) -> int:
    """Return how many processes train: ``distributed.processes_per_node``, else one a GPU, else one.

    ``distributed.gpus_per_node: 0`` trains on CPUs.

    An inherited ``CUDA_VISIBLE_DEVICES`` takes the place of ``environment.gpus``; empty it hides every GPU.

    Raises:
        UserError: More machines are asked for than this one, a GPU that is not there, or more processes than
            GPUs.
    """
    distributed = environment.distributed
    if distributed.nodes > 1:
        raise UserError(
            f"environment.distributed.nodes: {distributed.nodes}, but the launcher 'local' trains on 1 "
            "machine"
        )
    wanted, present = distributed.processes_per_node, count_gpus()
    inherited = os.environ.get(_VISIBLE_VARIABLE)
    indices = chosen_gpus(environment)
    if not present or not indices or (inherited is not None and not visible_gpus(inherited)):
        return wanted or 1
    if inherited is not None:
        return _fitting(wanted, len(indices), len(visible_gpus(inherited)), inherited)
    if beyond := [index for index in indices if index >= present]:
        raise UserError(
            f"environment.gpus: {', '.join(map(str, beyond))}, but this machine has {present} GPU"
            f"{'s' if present > 1 else ''}, allowed 0 to {present - 1}"
        )
    return _fitting(wanted, len(indices), len(indices), None)


def chosen_gpus(environment: EnvironmentConfig) -> tuple[int, ...]:
    """Return the indices of ``gpus``; where ``gpus_per_node`` is another number, the first so many."""
    count = environment.gpus_per_node
    return environment.gpu_ids if count == len(environment.gpu_ids) else tuple(range(count))


def _fitting(wanted: int | None, named: int, visible: int, inherited: str | None) -> int:
    """Return the number of processes, each of which needs a GPU of its own."""
    processes = wanted or named
    if processes <= visible:
        return processes
    key = "environment.distributed.processes_per_node" if wanted else "environment.gpus"
    source = "environment.gpus names" if inherited is None else f"{_VISIBLE_VARIABLE}={inherited} shows"
    raise UserError(
        f"{key}: {processes} processes need a GPU each, but {source} {visible}; name more GPUs or set "
        f"environment.distributed.processes_per_node: {visible}"
    )


def count_gpus() -> int:
    """Return the number of this machine's GPUs, without a driver's library."""
    return sum(1 for _ in Path("/dev").glob("nvidia[0-9]*"))


def visible_gpus(text: str) -> list[str]:
    """Return the devices that a value of ``CUDA_VISIBLE_DEVICES`` names: those before the first -1."""
    devices = [part.strip() for part in text.split(",") if part.strip()]
    return devices[: devices.index("-1")] if "-1" in devices else devices


def _command(job: TrainingJob, config: Path, processes: int) -> list[str]:
    torchrun = [
        sys.executable,
        "-m",
        "kubepresso.launch.elastic",
        *STANDALONE,
        f"--nproc-per-node={processes}",
        f"--log-dir={config.parent}",  # else torchrun leaves a folder in the system's temporary one
    ]
    training = [
        "-m",
        "kubepresso.training",
        "--config",
        config,
        "--dataset",
        job.dataset,
        "--output",
        job.output,
    ]
    start = ["--start-from", job.start] if job.start else []
    return [str(part) for part in (*torchrun, *training, *start)]


def _environment(job: TrainingJob, processes: int, report: Path) -> dict[str, str]:
    defaults = {
        "OMP_NUM_THREADS": str(max(1, available_cores() // processes)),
        _VISIBLE_VARIABLE: ",".join(map(str, chosen_gpus(job.environment))),
    }
    own = {**about_launch(report), "KUBEPRESSO_STEP_ID": job.step_id}
    if job.environment.distributed.gpus_per_node == 0:
        own[_VISIBLE_VARIABLE] = ""
    return defaults | dict(os.environ) | own


def _stop(child: subprocess.Popen[bytes], patience_seconds: float) -> None:
    """End torchrun, which ends its ranks; they end with it however it ends."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience_seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
