"""Digits in the prepared layout, bundles of a small network, and a tracking store for each test."""

import shutil

import numpy as np
import pytest
import torch
from digit_models import CLASSES, PREPROCESSING, SPLITS, DigitNet, write_prepared
from sklearn.datasets import load_digits
from torch import nn

from kubepresso.models import BundleManifest, save_bundle


@pytest.fixture(scope="session")
def trained_net():
    """A network that reads digits nearly all right: about two seconds of training."""
    torch.manual_seed(0)
    digits = load_digits()
    images = (torch.tensor((digits.images * 255 / 16).astype(np.uint8)) / 255 - 0.5) / 0.5
    images = images.float().unsqueeze(1).repeat(1, 3, 1, 1)[SPLITS["train"]]
    labels = torch.tensor(digits.target)[SPLITS["train"]]
    net = DigitNet()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="session")
def make_bundle(trained_net, tmp_path_factory):
    """Save the trained network, with noise on its weights (it then knows less) or other classes."""

    def make(noise=0.0, seed=0, classes=CLASSES):
        net = DigitNet()
        net.load_state_dict(trained_net.state_dict())
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += noise * torch.randn(parameter.shape, generator=generator)
        folder = tmp_path_factory.mktemp("bundle") / "model"
        manifest = BundleManifest(
            name="digitnet",
            task="classification",
            classes=classes,
            input_size=(8, 8),
            preprocessing=PREPROCESSING,
            lineage={"method": "test"},
        )
        save_bundle(folder, net, manifest)
        return folder

    return make


@pytest.fixture(scope="session")
def good_bundle(make_bundle):
    return make_bundle()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Digits with the splits train, valid and test."""
    return write_prepared(tmp_path_factory.mktemp("prepared") / "dataset", ("train", "valid", "test"))


@pytest.fixture
def silent_tracking(tmp_path, monkeypatch, empty_database):
    """Tracking into a store that no test looks at."""
    shutil.copyfile(empty_database, tmp_path / "unseen.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/unseen.db")
