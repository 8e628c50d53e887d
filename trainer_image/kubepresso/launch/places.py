"""Where pods find what a pipeline's artifacts are called."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kubepresso.errors import UserError

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def reachable(uri: str | None, what: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return an artifact's URI as every pod can read it; KFP's ``minio://`` becomes ``s3://``.

    Args:
        uri: The artifact's URI; None for something that is on this machine only.
        what: What it is, for messages.
        environment: Variables that say where the bucket's server is.

    Raises:
        UserError: It is on one machine only, or on a kind of storage that is not supported.
    """
    if uri is None:
        raise UserError(
            f"{what}: known on this machine only, which training pods cannot read; run the step in a "
            "pipeline whose pipeline root is an S3-compatible bucket"
        )
    scheme, separator, rest = uri.partition("://")
    if separator and scheme == "s3":
        return uri
    if separator and scheme == "minio":
        if not any(environment.get(name) for name in _ENDPOINTS):
            raise UserError(
                f"{uri} ({what}): set AWS_ENDPOINT_URL on the train step to the address of the store, for "
                "example http://minio-service.kubeflow:9000"
            )
        return f"s3://{rest}"
    where = f"{scheme}://" if separator else "a path on one machine"
    raise UserError(
        f"{uri} ({what}): {where} cannot be reached from training pods; use a pipeline root in an "
        "S3-compatible bucket (s3:// or minio://)"
    )
