"""Two processes see the samples that one sees, step by step, and learn the same from them."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import CLASSES, tiny_config, write_digits
from torch import nn
from whole_trainings import ALONE

from kubepresso.config import parse_view
from kubepresso.models import BundleManifest, save_bundle
from kubepresso.training.job import Job
from kubepresso.training.run import train

LIMIT = 100


class Plain(nn.Module):
    """Without batch statistics, which are those of a process's own samples."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU()
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(144, 10))

    def forward(self, x):
        return self.head(self.backbone(x))


def losses_by_step(folder, ranks, batch):
    """Train an epoch; return the loss of each step, the mean over the processes, and the weights after it."""
    config = tiny_config(
        training__epochs=1,
        training__max_norm=0.5,
        training__checkpoints={"every_steps": 1, "keep": 100},
        environment__batch_size=batch // ranks,
    )
    place = folder / str(ranks)
    if ranks == 1:
        job = Job(parse_view(config), folder / "prepared", place / "model", place, folder / "start")
        train(job, ALONE)
    else:
        run_torchrun(folder, ranks, config, place)
    state = max(place.glob("*/state-00000-*"))
    tensors = load_file(state / "tensors.safetensors")
    losses = torch.stack([tensors[f"rank/{rank}/losses"][:, 0] for rank in range(ranks)]).mean(0)
    return losses, torch.cat([v.flatten() for k, v in tensors.items() if k.startswith("model/")])


def run_torchrun(folder, ranks, config, place):
    (folder / "config.yaml").write_text(config)
    options = ["--config", "config.yaml", "--dataset", "prepared", "--start-from", "start"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    output = ["--output", place / "model", "--checkpoints", place]
    done = subprocess.run(
        [sys.executable, *torchrun, "-m", "kubepresso.training", *options, *output],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# 160 images in batches of 44 are three whole ones, and 28 images that are left for another epoch; 400 are
# more than there are, and the one batch of the epoch is a shorter one.
@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize(("batch", "steps"), [(44, 3), pytest.param(400, 1, marks=pytest.mark.slow)])
def test_two_processes_have_the_losses_of_one_at_every_step(tmp_path, batch, steps):
    torch.manual_seed(0)
    write_digits(tmp_path / "prepared")
    manifest = BundleManifest(name="plain", task="classification", classes=CLASSES, input_size=(16, 16))
    save_bundle(tmp_path / "start", Plain(), manifest)
    (one, alone), (two, together) = (losses_by_step(tmp_path, ranks, batch) for ranks in (1, 2))
    assert len(one) == steps
    torch.testing.assert_close(one, two, rtol=1e-5, atol=0)
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
