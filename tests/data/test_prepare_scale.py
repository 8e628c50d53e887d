"""Long preparations: memory does not grow with the number of images, and the log says how far it is."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_sources import MadeSplit, prepare_made

from kubepresso.data import progress

MEASURE = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import made_sources

from kubepresso.data import writer

made_sources.SIZE = (120, 100)
# A shard under way is held in memory: small ones leave nothing to grow with the images.
writer.SHARD_BYTES, writer.ROW_GROUP_BYTES = 2**21, 2**18
peaks = []
for count in (200, 800):
    train, valid = (made_sources.MadeSplit({task!r}, n, first) for n, first in ((count, 0), (20, 9000)))
    splits = {{"train": train, "valid": valid}}
    made_sources.prepare_made({task!r}, Path({target!r}), splits)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps(peaks))
"""


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_memory_stays_flat(task, tmp_path):
    """600 images more, 22 MB of files, may not show in the peak of a process of its own."""
    script = MEASURE.format(tests=str(Path(__file__).parent), task=task, target=str(tmp_path / "p"))
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
    )
    assert result.returncode == 0, result.stderr
    few, many = json.loads(result.stdout)
    assert many - few < 9_000, f"{(many - few) / 1000:.1f} MB more for four times the images"


def test_the_log_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "kubepresso.data.progress")
    prepare_made(
        "detection",
        tmp_path / "p",
        {"train": MadeSplit("detection", 30), "valid": MadeSplit("detection", 10)},
    )
    assert len(caplog.messages) == 40
    assert caplog.messages[19].startswith("prepared 20 of 40 images, ")
    assert caplog.messages[19].endswith(" s left")
    assert caplog.messages[39].endswith("images/s, 0 s left")


def test_a_short_preparation_logs_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO, "kubepresso.data.progress")
    prepare_made("classification", tmp_path / "p", {"train": MadeSplit("classification", 6)})
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600 * 2 + 300, "2 h 5 min")]
)
def test_the_time_left_is_in_words(seconds, expected):
    assert progress._duration(seconds) == expected
