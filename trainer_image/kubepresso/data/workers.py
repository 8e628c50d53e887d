"""The process from which loader workers are forked. Imports no torch, so that it can be started first."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from multiprocessing import forkserver

#: Seconds between two looks at whether the training process is still there.
_LOOK_EVERY = 2.0
_PRELOADED = ("torch", "torchvision.transforms.v2", "kubepresso.data.dataset")


def start_worker_server(*modules: str) -> None:
    """Start the server, which imports while this process does other things.

    Threads run in a training process, so that forking it would be unsafe, and a fresh interpreter for each
    worker would import torch each time. Call it once, as early as possible.

    Args:
        *modules: What workers need beside torch and the data set, for example the recipe's package.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([*_PRELOADED, *modules])
    forkserver.ensure_running()


def end_with_process(pid: int, worker: int = 0) -> None:
    """End this worker soon after a process has ended, however it ended.

    A worker's parent is the server, and the server lives while a worker does: after the training process was
    killed, both would stay for ever, since the loader's own watch looks at the parent alone.

    Args:
        pid: The training process.
        worker: The worker's number, which the loader passes.
    """

    def watch() -> None:
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(_LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, name="kubepresso-watch", daemon=True).start()
