"""The runs of a store, and servers that refuse or never answer."""

import socket

import pytest


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
