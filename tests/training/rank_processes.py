"""Ranks of one training as processes forked from a server that has imported everything already."""

import functools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from bucket_servers import free_port

from kubepresso.config import parse_view
from kubepresso.data.sampler import TrainingBatches
from kubepresso.training.checkpoints import Keeper
from kubepresso.training.distributed import joined_group
from kubepresso.training.failure import reported_failure
from kubepresso.training.job import Job
from kubepresso.training.loop import Loop
from kubepresso.training.process import StopRequest
from kubepresso.training.run import train

LIMIT = 60


def run_ranks(count: int, prepare: Callable, config: str, dataset: Path, output: Path) -> list[int]:
    """Train with ``count`` processes, each of which calls ``prepare(rank)`` first; return exit statuses.

    What a process prints goes to ``<output>.log-<rank>``, its state to ``<output>.checkpoints``.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kubepresso.training.run", "kubepresso.augmentation"])
    arguments = (count, free_port(), prepare, config, dataset, output)
    ranks = [context.Process(target=_rank, args=(rank, *arguments)) for rank in range(count)]
    for rank in ranks:
        rank.start()
    deadline = time.monotonic() + LIMIT
    for rank in ranks:
        rank.join(max(0.0, deadline - time.monotonic()))
        rank.kill()
        rank.join()
    return [rank.exitcode for rank in ranks]


def logs_of(output: Path) -> str:
    return "".join(path.read_text() for path in sorted(output.parent.glob(f"{output.name}.log-*")))


def _rank(rank, count, port, prepare, config, dataset, output):
    log = output.with_name(f"{output.name}.log-{rank}").open("w")
    sys.stdout = sys.stderr = log
    names = {"RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port, "MASTER_ADDR": "127.0.0.1"}
    os.environ |= {name: str(value) for name, value in names.items()}
    torch.set_num_threads(1)
    stop = StopRequest(grace_seconds=20)
    stop.listen()
    prepare(rank)
    place = output.with_name(f"{output.name}.checkpoints")
    job = Job(parse_view(config), dataset, output, place, None, stop=stop)
    with reported_failure(), joined_group(LIMIT) as group:
        train(job, group)


def as_it_is(rank: int) -> None:
    """Nothing else happens."""


def at_step(number: int, action: Callable[[], None], rank: int | None = None) -> Callable:
    """Do something in a rank, or in all, before the step of that number, counted from 0 over all epochs."""
    return functools.partial(_patched, Loop, "_step", number, action, rank)


def at_validation_batch(number: int, action: Callable[[], None], rank: int) -> Callable:
    """Do something in a rank before the validation batch of that number, counted from 0."""
    return functools.partial(_patched, Keeper, "while_validating", number, action, rank)


def _patched(owner, name, number, action, chosen, rank):
    original, calls = getattr(owner, name), iter(range(10**9))

    def counted(*arguments):
        if next(calls) == number and chosen in (None, rank):
            action()
        return original(*arguments)

    setattr(owner, name, counted)


def ask_to_end() -> None:
    """Send SIGTERM to this process, as a node's kubelet does, and let it arrive."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)


def order_of(count: int, seed: int, epoch: int) -> list[int]:
    """Indices of an epoch's samples, as one process with batches of one takes them."""
    batches = TrainingBatches(count, 1, seed)
    batches.go_to(epoch)
    return [index for ((_, index, _),) in batches]
