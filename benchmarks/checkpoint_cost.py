"""What checkpoints cost and save: speed with one every n steps against none, time to go on, steps lost.

Trains ResNet-18 on 64x64 images in batches of 32 by the training command; runs with and without checkpoints
take turns. Then a training is killed at random moments, and the steps that it had done and must do again are
counted.

    python benchmarks/checkpoint_cost.py [--rounds 3] [--every 50] [--epochs 3] [--kills 4]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from training_speed import view, write_digits

# The training command, with each step said as it is done.
_TOLD = """
import sys
from kubepresso.training.checkpoints.keeper import Keeper
from kubepresso.training.entry import main
after_step = Keeper.after_step
def told(keeper):
    print("step", keeper.state.epoch, keeper.state.step, flush=True)
    after_step(keeper)
Keeper.after_step = told
main(sys.argv[1:])
"""


class Command:
    """The training command on a data set of its own."""

    def __init__(self, folder: Path, images: int, epochs: int) -> None:
        self.folder, self.epochs = folder, epochs
        write_digits(folder / "prepared", images)

    def start(self, every: int | None) -> subprocess.Popen[str]:
        """Start it, with a checkpoint every so many steps or none before the end."""
        content = yaml.safe_load(view("fp32", self.epochs, 0))
        content["training"]["checkpoints"] = {"every_steps": every, "every_minutes": None}
        content["logging"]["model_save_options"]["validation_epoch"] = 1000
        (self.folder / "config.yaml").write_text(yaml.safe_dump(content))
        arguments = ["--config", "config.yaml", "--dataset", "prepared", "--output", "model"]
        return subprocess.Popen(
            [sys.executable, "-c", _TOLD, *arguments],
            cwd=self.folder,
            env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def clear(self) -> None:
        """Remove what an earlier training left."""
        shutil.rmtree(self.folder / "model.checkpoints", ignore_errors=True)

    def whole(self, every: int | None) -> float:
        """Train from the beginning; return images/s."""
        self.clear()
        process = self.start(every)
        process.communicate(timeout=1200)
        assert process.returncode == 0
        rows = list(csv.DictReader((self.folder / "model" / "epochs.csv").open()))
        return statistics.median(float(row["images_per_second"]) for row in rows)

    def killed(self, every: int, after_seconds: float) -> tuple[int, float, float]:
        """Kill a training some seconds after its first step.

        Returns:
            Steps lost, and seconds to the first step of a new training and of one that goes on.
        """
        self.clear()
        fresh = time.perf_counter()
        process = self.start(every)
        steps, first = self._read_steps(process, after_seconds)
        fresh = first - fresh
        again = time.perf_counter()
        process = self.start(every)
        found, first = self._read_steps(process, 0.0)
        again = first - again
        return max(steps) - (min(found) - 1), fresh, again

    def _read_steps(self, process: subprocess.Popen[str], seconds: float) -> tuple[list[int], float]:
        steps: list[int] = []
        first = 0.0
        per_epoch = 1437 // 32
        assert process.stdout is not None
        for line in process.stdout:
            if match := re.fullmatch(r"step (\d+) (\d+)\n", line):
                first = first or time.perf_counter()
                steps.append(int(match[1]) * per_epoch + int(match[2]))
            if steps and time.perf_counter() - first >= seconds:
                process.send_signal(signal.SIGKILL)
                break
        with contextlib.suppress(ValueError):
            process.communicate(timeout=60)
        return steps, first


def main() -> None:
    """Measure and print a table; all figures as JSON with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=1437)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        command = Command(Path(name), options.images, options.epochs)
        speeds: dict[str, list[float]] = {"without": [], "with": []}
        for _ in range(options.rounds):
            speeds["without"].append(command.whole(None))
            speeds["with"].append(command.whole(options.every))
            print({key: round(values[-1], 1) for key, values in speeds.items()}, file=sys.stderr)
        kills = [command.killed(options.every, chance.uniform(12, 25)) for _ in range(options.kills)]
    found = {"speeds": speeds, "kills": kills}
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    without, safe = (statistics.median(speeds[key]) for key in ("without", "with"))
    lost, fresh, again = (statistics.median(values) for values in zip(*kills, strict=True))
    head = f"| without | every {options.every} steps | ratio | steps lost by a kill | to the first step "
    print(f"{head}| when going on |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {without:.1f} | {safe:.1f} | {safe / without:.3f} | {lost:.0f} (most {max(k[0] for k in kills)}) "
        f"| {fresh:.1f} s | {again:.1f} s |"
    )


if __name__ == "__main__":
    main()
