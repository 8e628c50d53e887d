"""Ranks of one training as processes forked from one that has imported everything already."""

import dataclasses
import functools
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
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
    arguments = (count, free_port(), prepare, config, dataset, output)
    return fork([functools.partial(_rank, rank, *arguments) for rank in range(count)])


def run_apart(outputs: Sequence[Path], prepare, config: str, dataset: Path, **changes) -> list[int]:
    """Train each model by a process of its own, all at the same time; ``changes`` are of their `Job`."""
    arguments = (prepare, config, dataset)
    works = [functools.partial(_rank, 0, 1, 0, *arguments, output, **changes) for output in outputs]
    return fork(works)


def fork(works: Sequence[Callable[[], None]]) -> list[int]:
    """Do each piece of work in a process of its own, all at the same time; return their exit statuses."""
    connection = _server()
    connection.send(works)
    assert connection.poll(2 * LIMIT), "the processes do not end"
    return connection.recv()


@functools.cache
def _server() -> Connection:
    """Start a process that has one thread and all that ranks need, so that forking it is quick and safe."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_serve, args=(there,), daemon=True).start()
    return here


def _serve(connection: Connection) -> None:
    while True:
        try:
            works = connection.recv()
        except EOFError:
            return
        children = {_forked(work): place for place, work in enumerate(works)}
        statuses, deadline = [0] * len(works), time.monotonic() + LIMIT
        while children:
            if time.monotonic() > deadline:
                for child in children:
                    os.kill(child, signal.SIGKILL)
            child, status = os.waitpid(-1, os.WNOHANG)
            if child:
                statuses[children.pop(child)] = os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        connection.send(statuses)


def _forked(work: Callable[[], None]) -> int:
    if child := os.fork():
        return child
    status = 1
    try:
        work()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def logs_of(output: Path) -> str:
    return "".join(path.read_text() for path in sorted(output.parent.glob(f"{output.name}.log-*")))


def _rank(rank, count, port, prepare, config, dataset, output, **changes):
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
        train(dataclasses.replace(job, **changes), group)


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
