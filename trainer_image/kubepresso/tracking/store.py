"""Where runs are kept: the tracking server's usual variables, else an SQLite file beside the outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

RUN_ID_VARIABLES = ("KUBEPRESSO_RUN_ID", "KFP_RUN_ID")
_SECRET_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")

# A step must not hang on a server that is slow to refuse: MLflow's own defaults wait for minutes. Nor did
# anybody ask for usage data to be sent from a training pod.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class LoggingSettings(Protocol):
    """What tracking reads of the ``logging`` module."""

    @property
    def output_dir(self) -> str | Path:
        """The folder of local outputs."""

    @property
    def project_id(self) -> str | None:
        """The project's name, or None."""


@dataclass(frozen=True)
class Store:
    """A tracking store.

    Attributes:
        uri: The tracking URI; it may hold credentials, so print ``redact(uri)`` only.
        experiment: The experiment's name.
        artifacts: Where the artifacts of a new experiment go; None leaves it to the server.
    """

    uri: str
    experiment: str
    artifacts: str | None

    @property
    def lock(self) -> Path | None:
        """The file that processes lock while they create what is missing; None where a server decides."""
        database = _sqlite_file(self.uri)
        return database.with_name(f"{database.name}.lock") if database else None


def locate(logging: LoggingSettings | None = None) -> Store:
    """Find the store: ``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME``, else the ``logging`` module.

    Args:
        logging: The ``logging`` module of the configuration; None stands for its defaults.

    Returns:
        The store. Without a tracking URI it is ``{output_dir}/mlflow.db``, artifacts in ``mlartifacts``.
    """
    folder = Path(logging.output_dir if logging else "outputs").absolute()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder / 'mlflow.db'}"
    project = logging.project_id if logging else None
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or project or "kubepresso"
    database = _sqlite_file(uri)
    artifacts = (database.parent / "mlartifacts").as_uri() if database else None
    return Store(uri, experiment, artifacts)


def pipeline_run_id() -> str | None:
    """Return the id of the pipeline run that this process belongs to, None outside a pipeline."""
    return next((os.environ[name] for name in RUN_ID_VARIABLES if os.environ.get(name)), None)


def lost_with_the_pod() -> bool:
    """Tell whether this is a pod of a cluster that was told of no tracking server: its file dies with it."""
    on_cluster = os.environ.get("KFP_RUN_ID") and not os.environ.get("KUBEPRESSO_RUN_ID")
    return bool(on_cluster and not os.environ.get("MLFLOW_TRACKING_URI"))


def set_mlflow_defaults() -> None:
    """Keep MLflow's HTTP requests short, unless the environment says otherwise."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Take credentials out of a message or URI: user and password before an ``@``, and known secrets."""
    secrets = [environment.get(name, "") for name in _SECRET_VARIABLES]
    secrets.append(unquote(urlsplit(environment.get("MLFLOW_TRACKING_URI", "")).password or ""))
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return _USER_INFO.sub("***@", text)


def _sqlite_file(uri: str) -> Path | None:
    path = uri.removeprefix("sqlite:///")
    return Path(path).absolute() if uri.startswith("sqlite:///") and path else None
