"""The model registry: versions of a model, and the one that holds the alias ``champion``.

Unlike the logging of runs, nothing here may fail quietly: whoever asks the registry needs its answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubepresso.errors import UserError
from kubepresso.tracking.session import creation_lock, import_mlflow
from kubepresso.tracking.store import Store, lost_with_the_pod, redact

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
CHALLENGER = "challenger"
MODEL_FOLDER = "model"
BUNDLE_FOLDER = f"{MODEL_FOLDER}/bundle"
_ABSENT = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Version:
    """A registered model version.

    Attributes:
        model: The registered model's name.
        number: The version's number, as text.
        run: The id of the run that holds its files.
        tags: Its tags.
    """

    model: str
    number: str
    run: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.model}/{self.number}"


class Registry:
    """The registry of a store.

    Args:
        store: Where runs are kept; the registry is there too, unless ``MLFLOW_REGISTRY_URI`` says otherwise.

    Raises:
        UserError: It cannot be reached, so do all methods; or it is a file that dies with this pod.
    """

    def __init__(self, store: Store) -> None:
        if lost_with_the_pod():
            raise UserError(
                "MLFLOW_TRACKING_URI: not set, so the registry would be a file that ends with this pod, and "
                "each candidate the first champion in it; set the key MLFLOW_TRACKING_URI in the ConfigMap "
                "`kubepresso` of this namespace to the URI of an MLflow server, then run the pipeline again"
            )
        self._store = store
        self.uri = os.environ.get("MLFLOW_REGISTRY_URI") or store.uri
        with self._asked("open the registry"):
            import_mlflow()
            from mlflow import MlflowClient

            if store.lock:
                store.lock.parent.mkdir(parents=True, exist_ok=True)
            with creation_lock(store):
                self._client: MlflowClient = MlflowClient(store.uri, self.uri)

    def champion(self, model: str) -> Version | None:
        """Return the version that holds the alias ``champion``; None where nobody does."""
        with self._asked(f"look up the champion of {model!r}"):
            return self._holder(model)

    def identity(self, model: str) -> str:
        """Return a digest that another registry, or one that was made anew, does not share.

        It covers the registry's URI without credentials, the name, and the time at which the registered model
        was created: it is created here if it is missing, since an empty registry has nothing to tell it by.
        """
        with self._asked(f"open the registered model {model!r}"):
            self._create_model(model)
            created = self._client.get_registered_model(model).creation_timestamp
        text = f"{redact(self.uri)}\0{model}\0{created}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def register(self, model: str, run: str, bundle: Path, tags: Mapping[str, str]) -> Version:
        """Store a bundle as an MLflow model in a run and register it.

        The version is a model of MLflow's ``onnx`` flavour, so ``mlflow.pyfunc`` loads it; the bundle's own
        files lie in the folder ``bundle`` inside it.

        Args:
            model: The registered model's name, created if missing.
            run: The id of the run to hold the files.
            bundle: The model bundle.
            tags: The version's tags.

        Returns:
            The new version.
        """
        with self._asked(f"register a version of {model!r}"):
            self._create_model(model)
            with tempfile.TemporaryDirectory(prefix="kubepresso-") as folder:
                target = Path(folder, MODEL_FOLDER)
                write_onnx_model(bundle, target)
                self._client.log_artifacts(run, str(target), MODEL_FOLDER)
            self._client.log_artifacts(run, str(bundle), BUNDLE_FOLDER)
            source = f"{self._client.get_run(run).info.artifact_uri}/{MODEL_FOLDER}"
            return _version(self._client.create_model_version(model, source, run, tags=dict(tags)))

    def find(self, model: str, tag: str, value: str) -> Version | None:
        """Return the newest version with this value of a tag; None where there is none."""
        found = self.find_all(model, tag, value)
        return max(found, key=lambda version: int(version.number)) if found else None

    def find_all(self, model: str, tag: str, value: str) -> list[Version]:
        """Return the versions with this value of a tag.

        Args:
            model: The registered model's name.
            tag: The tag.
            value: Its value; like the name without quotation marks, which MLflow's filters cannot escape.
        """
        with self._asked(f"search the versions of {model!r}"):
            query = f"name = '{model}' and tags.`{tag}` = '{value}'"
            return [_version(found) for found in self._client.search_model_versions(query)]

    def promote(self, version: Version, expected: Version | None) -> Version | None:
        """Give ``version`` the alias ``champion`` if ``expected`` still holds it.

        A server offers no compare-and-set: the holder is read right before and read again after.

        Args:
            version: The new champion.
            expected: The champion that it was compared with; None for the first.

        Returns:
            Who holds the alias in the end; anything but ``version`` means that it was not promoted.
        """
        with self._asked(f"set the champion of {version.model!r}"), creation_lock(self._store):
            holder = self._holder(version.model)
            if (holder and str(holder)) != (expected and str(expected)):
                return holder
            self._client.set_registered_model_alias(version.model, CHAMPION, version.number)
            return self._holder(version.model)

    def challenge(self, version: Version) -> None:
        """Give ``version`` the alias ``challenger``, so that a refused model is found and can be tried."""
        with self._asked(f"set the challenger of {version.model!r}"):
            self._client.set_registered_model_alias(version.model, CHALLENGER, version.number)

    def tag(self, version: Version, tags: Mapping[str, str]) -> None:
        """Set tags on a version."""
        with self._asked(f"tag {version}"):
            for name, value in tags.items():
                self._client.set_model_version_tag(version.model, version.number, name, value)

    def download_bundle(self, version: Version, folder: Path) -> Path:
        """Fetch the bundle of a version into a folder.

        Raises:
            UserError: The registry cannot be reached, or the version has no bundle.
        """
        with self._asked(f"download the bundle of {version}"):
            files = self._client.list_artifacts(version.run, BUNDLE_FOLDER) if version.run else []
            if not files:
                raise UserError(
                    f"{redact(self.uri)}: {version} holds the alias {CHAMPION!r} but has no model bundle to "
                    "compare with, as promote would have registered; give the alias to a version that has "
                    "one, or remove it"
                )
            return Path(self._client.download_artifacts(version.run, BUNDLE_FOLDER, str(folder)))

    def _holder(self, model: str) -> Version | None:
        from mlflow.exceptions import MlflowException

        try:
            number = self._client.get_registered_model(model).aliases.get(CHAMPION)
        except MlflowException as error:
            if error.error_code == _ABSENT:
                return None
            raise
        return _version(self._client.get_model_version(model, number)) if number else None

    def _create_model(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(
                redact(
                    f"{self.uri}: cannot {what} ({cause}); check MLFLOW_TRACKING_URI, the credentials and "
                    "that the server is up, then run the step again"
                )
            ) from error


def write_onnx_model(bundle: Path, target: Path) -> None:
    """Write a bundle's ``model.onnx`` as a model of MLflow's ``onnx`` flavour."""
    import numpy
    import onnx
    import onnxruntime
    from mlflow.models import ModelSignature
    from mlflow.onnx import save_model
    from mlflow.types import Schema, TensorSpec

    model = onnx.load(str(bundle / "model.onnx"))
    inputs, outputs = (
        Schema([TensorSpec(numpy.dtype("float32"), _shape(value), value.name) for value in values])
        for values in (model.graph.input, model.graph.output)
    )
    # Named here, because MLflow would start a process to find out what the model needs.
    packages = (("onnx", onnx), ("onnxruntime", onnxruntime), ("numpy", numpy))
    requirements = [f"{name}=={module.__version__}" for name, module in packages]
    save_model(model, str(target), pip_requirements=requirements, signature=ModelSignature(inputs, outputs))


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(axis.dim_value or -1 for axis in value.type.tensor_type.shape.dim)


def _version(found: Any) -> Version:
    return Version(found.name, str(found.version), found.run_id or "", dict(found.tags))
