"""Speed of the whole training command against a bare forward-backward-step loop on one synthetic batch.

Both train ResNet-18 on 64x64 images in batches of 32; they take turns, and medians are compared. Run it
on a machine that does nothing else: with other processes on its cores the threads of a step wait for one
another.

    python benchmarks/training_speed.py [--rounds 3] [--epochs 3] [--images 1437] [--workers 1]
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

CLASSES = [str(digit) for digit in range(10)]
SIDE, BATCH = 64, 32
NORMALIZE = [
    {"name": "totensor", "pixel_range": 1.0},
    {"name": "normalize", "mean": [0.5] * 3, "std": [0.5] * 3},
]
MODEL = {
    "task": "classification",
    "name": "resnet18",
    "checkpoint": {"use_pretrained": False},
    "architecture": {
        "backbone": {
            "name": "resnet",
            "params": {"block_type": "basicblock", "norm_type": "batch_norm"},
            "stage_params": [{"channels": channels, "num_blocks": 2} for channels in (64, 128, 256, 512)],
        },
        "head": {"name": "fc", "params": {"num_layers": 1, "dropout_prob": 0.0}},
    },
    "losses": [{"criterion": "cross_entropy"}],
}
OPTIMIZER = {"name": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005}


def write_digits(folder: Path, images: int) -> None:
    """Write scikit-learn's digits, enlarged, as a prepared data set."""
    from PIL import Image
    from sklearn.datasets import load_digits

    from kubepresso.data.manifest import Manifest
    from kubepresso.data.targets import codec_of
    from kubepresso.data.writer import SplitWriter

    folder.mkdir(parents=True)
    digits = load_digits()
    splits, codec = {}, codec_of("classification")
    for name, part in {"train": range(images), "valid": range(1437, 1501)}.items():
        writer = SplitWriter(folder, name, codec, CLASSES)
        for index in part:
            target = io.BytesIO()
            pixels = (digits.images[index] * 15).astype("uint8")
            Image.fromarray(pixels).convert("RGB").resize((SIDE, SIDE)).save(target, "PNG")
            label = int(digits.target[index])
            counts = codec.counts(label, CLASSES)
            writer.add(target.getvalue(), f"{index}.png", codec.encode(label), counts)
        splits[name] = writer.finish()
    Manifest("classification", CLASSES, splits, "sha256:digits", {}).write(folder)


def view(precision: str, epochs: int, workers: int) -> str:
    """Return the configuration of the training command."""
    return yaml.safe_dump(
        {
            "augmentation": {
                "train": [{"name": "randomhorizontalflip", "p": 0.5}, *NORMALIZE],
                "inference": NORMALIZE,
            },
            "model": MODEL,
            "training": {
                "epochs": epochs,
                "precision": precision,
                "optimizer": OPTIMIZER,
                "scheduler": {"name": "multi_step", "milestones": [1000]},
            },
            "logging": {"model_save_options": {"validation_epoch": 1000, "save_best_only": True}},
            "environment": {"seed": 1, "num_workers": workers, "batch_size": BATCH},
        }
    )


def bare_loop(precision: str, memory_format: str, steps: int) -> float:
    """Return images/s of a loop on one batch, after three steps that are not counted."""
    import torch
    from torch.nn import functional as F

    from kubepresso.config import parse_view
    from kubepresso.models import build_model

    model = build_model(parse_view(view("fp32", 1, 0)).model, len(CLASSES))
    layout = getattr(torch, memory_format)
    model = model.to(memory_format=layout).train()
    images = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=layout)
    label = torch.randint(len(CLASSES), (BATCH,))
    settings = {key: value for key, value in OPTIMIZER.items() if key != "name"}
    optimizer = torch.optim.SGD(model.parameters(), **settings)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = F.cross_entropy(model(images), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return BATCH * steps / (time.perf_counter() - started)


def run_bare(precision: str, memory_format: str, steps: int) -> float:
    """Run `bare_loop` in a process of its own."""
    command = [sys.executable, __file__, "--bare", precision, memory_format, str(steps)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout)


def run_command(folder: Path, precision: str, epochs: int, workers: int) -> tuple[float, float]:
    """Run the training command; return images/s of its epochs and of the whole command, with its start."""
    config, output = folder / "config.yaml", folder / "model"
    config.write_text(view(precision, epochs, workers))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    training = ["-m", "kubepresso.training", "--config", config, "--dataset", folder / "prepared"]
    arguments = [*torchrun, *training, "--output", output]
    shutil.rmtree(folder / "model.checkpoints", ignore_errors=True)  # else training would go on from there
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    started = time.perf_counter()
    subprocess.run(
        [str(part) for part in arguments], check=True, capture_output=True, env=environment, timeout=1200
    )
    seconds = time.perf_counter() - started
    rows = list(csv.DictReader((output / "epochs.csv").open()))
    speeds = [float(row["images_per_second"]) for row in rows]
    images = sum(float(row["images_per_second"]) * float(row["seconds"]) for row in rows)
    return statistics.median(speeds), images / seconds


def measure(options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Let bare loops and commands take turns; return all figures by precision and kind."""
    found: dict[str, dict[str, list[float]]] = {}
    steps = max(10, options.images // BATCH)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_digits(folder / "prepared", options.images)
        for _ in range(options.rounds):
            for precision in ("fp32", "bf16"):
                kinds = found.setdefault(precision, {key: [] for key in ("plain", "last", "epochs", "whole")})
                kinds["plain"].append(run_bare(precision, "contiguous_format", steps))
                epochs, whole = run_command(folder, precision, options.epochs, options.workers)
                kinds["epochs"].append(epochs)
                kinds["whole"].append(whole)
                kinds["last"].append(run_bare(precision, "channels_last", steps))
                print(
                    precision, {key: round(values[-1], 1) for key, values in kinds.items()}, file=sys.stderr
                )
    return found


def print_table(found: dict[str, dict[str, list[float]]]) -> None:
    """Print medians in images/s and the command's epochs as a share of each loop."""
    print("| precision | bare loop | bare, channels_last | command | with start | / bare | / channels_last |")
    print("|---|---|---|---|---|---|---|")
    for precision, kinds in found.items():
        plain, last, epochs, whole = (
            statistics.median(kinds[key]) for key in ("plain", "last", "epochs", "whole")
        )
        print(
            f"| {precision} | {plain:.1f} | {last:.1f} | {epochs:.1f} | {whole:.1f} "
            f"| {epochs / plain:.2f} | {epochs / last:.2f} |"
        )
    ratio = statistics.median(found["bf16"]["epochs"]) / statistics.median(found["fp32"]["epochs"])
    print(f"\nimages/s, medians. bf16 is {ratio:.2f} times as fast as fp32 in the training command.")


def main() -> None:
    """Measure and print a table; all figures as JSON with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=1437)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bare", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        precision, memory_format, steps = options.bare
        print(bare_loop(precision, memory_format, int(steps)))
        return
    found = measure(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    print_table(found)


if __name__ == "__main__":
    main()
