"""Declaration of the resolve component."""

from typing import NamedTuple

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def resolve(
    config_uri: str,
    overrides: list,
) -> NamedTuple(
    "Resolved",
    [
        ("config", str),
        ("config_digest", str),
        ("data_digest", str),
        ("champion", str),
        ("prepare_dataset", str),
        ("validate_augmentation", str),
        ("train", str),
        ("retrain", str),
        ("evaluate", str),
        ("compress", str),
        ("promote", str),
    ],
):
    """Read the six modules, report every error at once, and fix what this run means.

    Never cached. Its outputs are parameters: their text takes part in the cache key of the steps after it, so
    that a hit means the same configuration and the same bytes of data.

    Args:
        config_uri: A folder, prefix or file with the six modules: a path, ``file://`` or ``s3://``.
        overrides: Dotted overrides, for example ``["training.epochs=3"]``.

    Returns:
        config: The resolved YAML, all six modules.
        config_digest: Digest of the resolved YAML.
        data_digest: Digest of the files behind ``data``.
        champion: The registered model that holds the alias ``champion``, as promote must find it.
        prepare_dataset: The YAML of just those keys that prepare_dataset reads.
        validate_augmentation: The same for validate_augmentation.
        train: The same for train.
        retrain: The same for train when it starts from a compressed model.
        evaluate: The same for evaluate.
        compress: The same for compress.
        promote: The same for promote.
    """
    from collections import namedtuple

    from kubepresso.steps import execute

    resolution = execute("resolve", config_uri=config_uri, overrides=overrides)
    fields = {
        "config": resolution.config,
        "config_digest": resolution.config_digest,
        "data_digest": resolution.data_digest,
        "champion": resolution.champion,
        **resolution.views,
    }
    return namedtuple("Resolved", fields)(**fields)
