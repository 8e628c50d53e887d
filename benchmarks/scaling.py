"""One process against two on this machine, with the same global batch: the same losses, and the speed.

The model, torchvision's ResNet-18, has group normalisation and starts from a bundle: batch statistics are
those of a process's own samples, as ever with DistributedDataParallel, so that with them the two would
rightly differ. (``norm_type: instance_norm`` leaves the batch normalisation of the stem where it is.)

    python benchmarks/scaling.py [--rounds 3] [--epochs 3] [--images 640]
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from training_speed import BATCH, CLASSES, SIDE, view, write_digits


def write_start(folder: Path) -> None:
    """Write a ResNet-18 with group normalisation as a model bundle."""
    import torch
    from torch import nn
    from torchvision.models import resnet18

    from kubepresso.models import BundleManifest, save_bundle

    torch.manual_seed(0)
    model = resnet18(num_classes=len(CLASSES), norm_layer=lambda channels: nn.GroupNorm(8, channels))
    manifest = BundleManifest(
        name="resnet18-gn", task="classification", classes=CLASSES, input_size=(SIDE, SIDE)
    )
    save_bundle(folder, model, manifest)


def train(folder: Path, ranks: int, epochs: int) -> tuple[list[float], float]:
    """Train with so many processes, one thread each; return the loss of each epoch and images/s."""
    content = yaml.safe_load(view("fp32", epochs, 0))
    # A greater rate multiplies the last bits by ten a step, and the curves part within an epoch.
    content["training"]["optimizer"]["lr"] = 0.001
    content["training"]["max_norm"] = 1.0
    content["environment"]["batch_size"] = BATCH // ranks
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    shutil.rmtree(folder / "model.checkpoints", ignore_errors=True)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    training = ["-m", "kubepresso.training", "--config", "config.yaml", "--dataset", "prepared"]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    subprocess.run(
        [*torchrun, *training, "--start-from", "start", "--output", "model"],
        check=True,
        capture_output=True,
        env=environment,
        cwd=folder,
        timeout=1200,
    )
    rows = list(csv.DictReader((folder / "model" / "epochs.csv").open()))
    speed = statistics.median(float(row["images_per_second"]) for row in rows)
    return [float(row["train_loss"]) for row in rows], speed


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=640)
    options = parser.parse_args()
    speeds: dict[int, list[float]] = {1: [], 2: []}
    losses: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_digits(folder / "prepared", options.images)
        write_start(folder / "start")
        for _ in range(options.rounds):
            for ranks in (1, 2):
                losses[ranks], speed = train(folder, ranks, options.epochs)
                speeds[ranks].append(speed)
                print(ranks, round(speed, 1), losses[ranks], file=sys.stderr)
    apart = max(abs(one - two) / one for one, two in zip(losses[1], losses[2], strict=True))
    one, two = (statistics.median(speeds[ranks]) for ranks in (1, 2))
    print("| 1 process, 1 thread | 2 processes | ratio | losses of an epoch apart, at most |")
    print("|---|---|---|---|")
    print(f"| {one:.1f} | {two:.1f} | {two / one:.2f} | {apart:.1e} |")


if __name__ == "__main__":
    main()
