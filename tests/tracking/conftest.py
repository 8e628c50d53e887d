"""A store of its own for each test, and servers that refuse or never answer."""

import shutil
import socket

import pytest

from kubepresso.tracking import locate

VARIABLES = (
    "KUBEPRESSO_RUN_ID",
    "KFP_RUN_ID",
    "KUBEPRESSO_STEP_ID",
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_NAME",
)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """An SQLite file with MLflow's tables: making them takes seconds, copying the file does not."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(tmp_path, monkeypatch, empty_database):
    """An SQLite store in the test's folder, named by the environment."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return locate()


@pytest.fixture
def client(store):
    from mlflow import MlflowClient

    return MlflowClient(store.uri, store.uri)


@pytest.fixture
def runs(client, store):
    """All runs of the experiment, by name."""

    def read():
        experiment = client.get_experiment_by_name(store.experiment)
        return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}

    return read


@pytest.fixture
def refusing_server(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def silent_server():
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
