"""No secret stands in a job, which whoever may look at the namespace can read."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from kubepresso.errors import UserError
from kubepresso.launch.cluster.api import Object
from kubepresso.launch.cluster.surroundings import SECRET_VARIABLES

_BY_NAME = {name: secret for secret, names in SECRET_VARIABLES.items() for name in names}
_SECRET = set(_BY_NAME) - {"AWS_ACCESS_KEY_ID", "MLFLOW_TRACKING_USERNAME"}


def refuse_secrets(variables: Iterable[Object]) -> None:
    """Refuse variables that hold a secret in plain text; a reference to a Secret is none.

    Args:
        variables: As Kubernetes writes them.

    Raises:
        UserError: With each that does, without its value.
    """
    problems = [problem for variable in variables if (problem := _problem(variable))]
    if problems:
        raise UserError(problems)


def _problem(variable: Object) -> str | None:
    name, value = variable["name"], str(variable.get("value") or "")
    if value and name in _SECRET:
        return (
            f"{name}: would stand in the training job for all to read; give it to the train step by "
            f"kfp-kubernetes' use_secret_as_env, or name its Secret by {_BY_NAME[name]}"
        )
    if _has_password(value):
        return (
            f"{name}: holds a password, which would stand in the training job for all to read; set the "
            "variable from a Secret, or take the password out of the address"
        )
    return None


def _has_password(text: str) -> bool:
    try:
        return bool(urlsplit(text).password)
    except ValueError:
        return False
