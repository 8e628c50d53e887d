"""Fixtures that several rooms share: small real images, a tracking store, and where real data lies."""

import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest
from bucket_servers import free_port, make_bucket, serve

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "digits"))

# The same examples each time: a red suite must mean a changed program. New ones: --hypothesis-profile search.
hypothesis.settings.register_profile("suite", derandomize=True)
hypothesis.settings.register_profile("search", print_blob=True)
hypothesis.settings.load_profile("suite")

TRACKING_VARIABLES = (
    "KUBEPRESSO_RUN_ID",
    "KFP_RUN_ID",
    "KUBEPRESSO_STEP_ID",
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_NAME",
)


def pytest_collection_modifyitems(items):
    """Begin with whole trainings: at the end one worker would be left alone with them."""
    items.sort(key=lambda item: item.path.parent.name not in ("training", "launch", "pipelines"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, or a skip that says what is missing."""
    folder = Path(os.environ.get("KUBEPRESSO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KUBEPRESSO_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def crds(real_data) -> Path:
    """The folder of Kubeflow's CustomResourceDefinitions, or a skip that says what is missing."""
    folder = real_data / "crds"
    if not folder.is_dir():
        pytest.skip(f"no CRDs at {folder}; set KUBEPRESSO_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A small prepared data set for whole trainings, to read only: 160 images of digits to train with."""
    from tiny_training import write_digits

    return write_digits(tmp_path_factory.mktemp("digits") / "prepared")


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory) -> Path:
    """scikit-learn's digits as class folders: 1,437 images in train, 360 in valid, 32x32 pixels."""
    from make_images import write_images

    folder = tmp_path_factory.mktemp("all-digits")
    write_images(folder)
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """An SQLite file with MLflow's tables: making them takes seconds, copying the file does not."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(tmp_path, monkeypatch, empty_database):
    """An SQLite tracking store in the test's folder, named by the environment."""
    from kubepresso.tracking import locate

    for variable in TRACKING_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return locate()


@pytest.fixture
def client(store):
    from mlflow import MlflowClient

    return MlflowClient(store.uri, store.uri)


@pytest.fixture(scope="session")
def moto():
    """The endpoint of an S3 server on loopback that checks no credentials."""
    port = free_port()
    yield from serve([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)


@pytest.fixture
def bucket(moto, monkeypatch):
    """An empty bucket in moto, by its URI; ``AWS_*`` point at it."""
    return make_bucket(monkeypatch, moto)
