"""torchrun as one node of several, as the controller of the training job describes it in the environment."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from kubepresso.config import parse_view
from kubepresso.errors import UserError
from kubepresso.exit_codes import RESUME_EXIT_CODE
from kubepresso.launch.pod_contract import JOB_VARIABLE
from kubepresso.launch.report import REPORT_VARIABLE, RankFailure, read_report
from kubepresso.training.process import LAUNCHED_AT_VARIABLE, PARENT_VARIABLE, available_cores

#: Pods come to the rendezvous when their image is pulled and their data fetched: not all at once.
JOIN_SECONDS = 1800
#: How long torchrun waits for its ranks to end, 30 s if nobody says it.
ENDING_VARIABLE = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
_END_SECONDS = 5
_LOOK_SECONDS = 1.0
_PORT = 29400
#: One machine: processes meet by its loopback address, since not every machine's name leads to itself.
STANDALONE = ("--standalone", "--local-addr=127.0.0.1")


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
        endpoint = meeting_point(environment)
        options += ["--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", f"--max-restarts={max_restarts}"]
        options += [f"--rdzv-id={environment.get(JOB_VARIABLE, 'kubepresso')}"]
        return [*options, _rendezvous_settings("join_timeout", environment)]
    if nodes == "1":
        return [*STANDALONE, *options]
    return [*options, _rendezvous_settings("timeout", environment)]


def meeting_point(environment: Mapping[str, str] = os.environ) -> str:
    """Return the ``host:port`` where elastic nodes meet, as the job's controller says it."""
    host = environment.get("PET_MASTER_ADDR", "localhost")
    port = environment.get("PET_MASTER_PORT", _PORT)
    return environment.get("PET_RDZV_ENDPOINT") or f"{host}:{port}"


def await_meeting_point(endpoint: str, patience_seconds: float = JOIN_SECONDS) -> None:
    """Wait until the node where all meet answers; at once where that is this one.

    torchrun itself gives up after a minute, which is less than the others may take to fetch image and data.

    Raises:
        UserError: It did not come in time.
    """
    host, _, port = endpoint.rpartition(":")
    deadline = time.monotonic() + patience_seconds
    while not _is_here(host):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), _LOOK_SECONDS):
            return
        if time.monotonic() > deadline:
            raise UserError(
                f"{endpoint}: the first node, where all meet, did not answer for {patience_seconds:g} s; see "
                "its log, and whether pods may reach each other"
            )
        time.sleep(_LOOK_SECONDS)


def _is_here(host: str) -> bool:
    """Say whether a host's address is one of this machine's; only then can it be listened at."""
    try:
        family, kind, protocol, _, (address, *_) = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _rendezvous_settings(patience: str, environment: Mapping[str, str]) -> str:
    """Return torchrun's ``--rdzv-conf``: our patience, and what the job's ``rdzvConf`` says."""
    given = environment.get("PET_RDZV_CONF", "")
    return ",".join(part for part in (f"--rdzv-conf={patience}={JOIN_SECONDS}", given) if part)


def ending_seconds(config: str) -> int:
    """Return how long torchrun, asked to end, waits for its ranks to save before it kills them.

    Args:
        config: The view's YAML text: ranks have ``training.checkpoints.grace_seconds``.
    """
    grace: float = parse_view(config).need("training").checkpoints.grace_seconds
    return math.ceil(grace) + _END_SECONDS


def run_elastic(
    torchrun: Sequence[str], training: Sequence[str], folder: Path, processes: int, patience_seconds: int
) -> tuple[int, list[RankFailure]]:
    """Run torchrun to its end; SIGTERM is passed on, so that its ranks can save.

    Args:
        torchrun: Its options.
        training: The options of ``kubepresso.training``.
        folder: For the report of failed ranks and the ranks' logs.
        processes: Of this node.
        patience_seconds: See `ending_seconds`.

    Returns:
        The exit status and what ranks failed of.
    """
    report = folder / "failures.json"
    # Without --log-dir torchrun leaves a folder in the system's temporary one.
    command = [sys.executable, "-m", "kubepresso.launch.elastic", *torchrun, f"--log-dir={folder}"]
    if processes > 1:
        command.append("--tee=3")
    child = subprocess.Popen(  # noqa: S603 - our own module
        [*command, "-m", "kubepresso.training", *training],
        env=_environment(report, processes, patience_seconds),
    )

    asked = False

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        child.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        status = child.wait()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        signal.signal(signal.SIGTERM, before)
    if status == RESUME_EXIT_CODE or (asked and status == -signal.SIGTERM):  # it was not listening yet
        return RESUME_EXIT_CODE, []
    return _as_exit_status(status), read_report(report) or _unreported(status)


def _environment(report: Path, processes: int, patience_seconds: int) -> dict[str, str]:
    defaults = {
        "OMP_NUM_THREADS": str(max(1, available_cores() // processes)),
        "TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE": "[rank-${rank}] ",
        # A new store for each rendezvous: in a shared one addresses of nodes that left would be found.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        ENDING_VARIABLE: str(patience_seconds),
    }
    kept = {name: value for name, value in os.environ.items() if name not in _SAID_BY_OPTIONS}
    return defaults | kept | about_launch(report)


def about_launch(report: Path) -> dict[str, str]:
    """Return what `kubepresso.launch.elastic` reads of whoever starts it, now and as a child of this process.

    Args:
        report: File for the failures of its ranks.
    """
    return {
        LAUNCHED_AT_VARIABLE: repr(time.time()),
        PARENT_VARIABLE: str(os.getpid()),
        REPORT_VARIABLE: str(report),
    }


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
