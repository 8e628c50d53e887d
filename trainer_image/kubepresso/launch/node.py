"""torchrun as one node of several, as the controller of the training job describes it in the environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.pod_contract import JOB_VARIABLE
from kubepresso.launch.report import REPORT_VARIABLE, RankFailure, read_report
from kubepresso.training.process import LAUNCHED_AT_VARIABLE, available_cores

#: Pods come to the rendezvous when their image is pulled and their data fetched: not all at once.
_JOIN_SECONDS = 1800
_PORT = 29400


def elastic_arguments(
    nodes: str, processes: int, max_restarts: int, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Return torchrun's options; the node's rank and the rendezvous come from ``PET_*``, which it reads.

    Args:
        nodes: Number of nodes, or ``MIN:MAX`` where they may come and go.
        processes: Of this node.
        max_restarts: How often all ranks are started again after one failed, with ``MIN:MAX`` only.
        environment: Where ``PET_*`` are.
    """
    options = [f"--nproc-per-node={processes}", f"--nnodes={nodes}"]
    if ":" in nodes:
        host, port = (
            environment.get("PET_MASTER_ADDR", "localhost"),
            environment.get("PET_MASTER_PORT", _PORT),
        )
        endpoint = environment.get("PET_RDZV_ENDPOINT") or f"{host}:{port}"
        options += ["--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", f"--max-restarts={max_restarts}"]
        options += [f"--rdzv-id={environment.get(JOB_VARIABLE, 'kubepresso')}"]
        return [*options, f"--rdzv-conf=join_timeout={_JOIN_SECONDS}"]
    if nodes == "1":
        return ["--standalone", *options]
    return [*options, f"--rdzv-conf=timeout={_JOIN_SECONDS}"]


def run_elastic(
    torchrun: Sequence[str], training: Sequence[str], folder: Path, processes: int
) -> tuple[int, list[RankFailure]]:
    """Run torchrun to its end; SIGTERM is passed on, so that its ranks can save.

    Args:
        torchrun: Its options.
        training: The options of ``kubepresso.training``.
        folder: For the report of failed ranks and the ranks' logs.
        processes: Of this node.

    Returns:
        The exit status and what ranks failed of.
    """
    report = folder / "failures.json"
    command = [sys.executable, "-m", "kubepresso.launch.elastic", *torchrun]
    if processes > 1:
        command += ["--tee=3", f"--log-dir={folder}"]
    child = subprocess.Popen(  # noqa: S603 - our own module
        [*command, "-m", "kubepresso.training", *training], env=_environment(report, processes)
    )

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        status = child.wait()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        signal.signal(signal.SIGTERM, before)
    if status == RESUME_EXIT_CODE:
        return status, []
    return _as_exit_status(status), read_report(report) or _unreported(status)


def _environment(report: Path, processes: int) -> dict[str, str]:
    defaults = {
        "OMP_NUM_THREADS": str(max(1, available_cores() // processes)),
        "TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE": "[rank-${rank}] ",
        # A new store for each rendezvous: in a shared one addresses of nodes that left would be found.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    own = {LAUNCHED_AT_VARIABLE: repr(time.time()), REPORT_VARIABLE: str(report)}
    kept = {name: value for name, value in os.environ.items() if name not in _SAID_BY_OPTIONS}
    return defaults | kept | own


#: Options say these better, and torchrun reads both.
_SAID_BY_OPTIONS = {
    "PET_NNODES",
    "PET_NPROC_PER_NODE",
    "PET_N_PROC_PER_NODE",
    "PET_MAX_RESTARTS",
    "PET_RDZV_CONF",
    "PET_STANDALONE",
}


def _as_exit_status(code: int) -> int:
    """Return what a shell says of a process that a signal ended."""
    return code if code >= 0 else 128 - code


def _unreported(status: int) -> list[RankFailure]:
    """Return a failure of the node itself where torchrun was killed before it could say anything."""
    if status >= 0:
        return []
    rank = int(os.environ.get("PET_NODE_RANK") or 0)
    return [RankFailure(rank, status, time.time(), None, "", "")]
