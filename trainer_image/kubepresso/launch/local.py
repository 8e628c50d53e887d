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
from kubepresso.errors import UserError
from kubepresso.launch.launcher import TrainingError, TrainingJob
from kubepresso.launch.report import REPORT_VARIABLE, explain, read_report
from kubepresso.training.process import LAUNCHED_AT_VARIABLE, available_cores

# torchrun itself gives its ranks 30 s to end.
_PATIENCE_SECONDS = 40.0


class LocalLauncher:
    """Starts torchrun as a child with the standard streams of this process and awaits it.

    Args:
        timeout_seconds: After which all processes are ended; None waits as long as it takes.
    """

    def __init__(self, timeout_seconds: float | None = None) -> None:
        self._timeout_seconds = timeout_seconds

    def run(self, job: TrainingJob) -> None:
        """Run the training; see `kubepresso.launch.launcher.Launcher`."""
        processes = count_processes(job.environment)
        with tempfile.TemporaryDirectory(prefix="kubepresso-") as name:
            folder = Path(name)
            (folder / "config.yaml").write_text(job.config, encoding="utf-8")
            report = folder / "failures.json"
            child = subprocess.Popen(  # noqa: S603 - our own module
                _command(job, folder / "config.yaml", processes),
                env=_environment(job, processes, report),
                start_new_session=True,
            )
            try:
                exit_code = child.wait(self._timeout_seconds)
            except subprocess.TimeoutExpired:
                raise TrainingError([f"training took more than {self._timeout_seconds:g} s"]) from None
            finally:
                _stop(child)
            if exit_code:
                raise explain(read_report(report), exit_code)


def count_processes(environment: EnvironmentConfig) -> int:
    """Return how many processes train: ``distributed.processes_per_node``, else one a GPU, else one.

    Raises:
        UserError: More machines are asked for than this one.
    """
    distributed = environment.distributed
    if distributed.nodes > 1:
        raise UserError(
            f"environment.distributed.nodes: {distributed.nodes}, but the launcher 'local' trains on 1 "
            "machine"
        )
    if distributed.processes_per_node:
        return distributed.processes_per_node
    return len(environment.gpu_ids) if _has_gpu() else 1


def _has_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


def _command(job: TrainingJob, config: Path, processes: int) -> list[str]:
    torchrun = [
        sys.executable,
        "-m",
        "kubepresso.launch.elastic",
        "--standalone",
        f"--nproc-per-node={processes}",
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
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, job.environment.gpu_ids)),
    }
    own = {
        LAUNCHED_AT_VARIABLE: repr(time.time()),
        REPORT_VARIABLE: str(report),
        "KUBEPRESSO_STEP_ID": job.step_id,
    }
    return defaults | dict(os.environ) | own


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End torchrun, which ends its ranks; they end with it however it ends."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
