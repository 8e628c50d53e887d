"""The process from which loader workers are forked. Imports no torch, so that it can be started first."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

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
