"""Latency of an ONNX file under ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kubepresso.export.session import open_session


@dataclass(frozen=True)
class Latency:
    """Milliseconds an image: the middle of the runs, and what 95 of 100 stay below."""

    median_ms: float
    p95_ms: float


def measure_latency(path: Path, input_size: Sequence[int], runs: int = 100, warmup: int = 10) -> Latency:
    """Time ``runs`` single images on one CPU thread, after ``warmup`` runs that do not count.

    Args:
        path: The ONNX file.
        input_size: Height and width in pixels.
        runs: Timed runs.
        warmup: Runs before them.
    """
    session = open_session(path, threads=1)
    feed = {
        session.get_inputs()[0].name: np.random.default_rng(0).random((1, 3, *input_size), dtype=np.float32)
    }
    seconds = []
    for index in range(warmup + runs):
        start = time.perf_counter()
        session.run(None, feed)
        if index >= warmup:
            seconds.append(time.perf_counter() - start)
    median, p95 = np.percentile(np.array(seconds) * 1e3, [50, 95])
    return Latency(float(median), float(p95))
