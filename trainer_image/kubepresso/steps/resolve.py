"""Resolve: read the six modules, report every error at once, and fix what this run means."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from kubepresso import tracking
from kubepresso.config import Config, DataConfig, digest, load_config, with_absolute_places
from kubepresso.data.archive import is_archive
from kubepresso.data.location import source_uri
from kubepresso.errors import UserError
from kubepresso.steps.champion import Token, look_up, registered_model
from kubepresso.steps.views import cut_views
from kubepresso.storage import digest_folder, join

_HUB_TIMEOUT = 10.0


@dataclass(frozen=True)
class Resolution:
    """What a run means; all of it is text, to be part of the cache keys of the steps that follow.

    Attributes:
        views: By step the YAML of what it reads, see `kubepresso.steps.views`.
        config: All six modules as YAML, every default written out, local paths absolute.
        config_digest: Digest of the configuration, whatever folder it is run from.
        data_digest: Digest of the files behind ``data``.
        champion: Which champion promote has to compare with, see `kubepresso.steps.champion`.
    """

    views: dict[str, str]
    config: str
    config_digest: str
    data_digest: str
    champion: str


def run(*, config_uri: str, overrides: Sequence[str] = ()) -> Resolution:
    """Resolve a configuration.

    Args:
        config_uri: A folder, prefix or file with the six modules: a path, ``file://`` or ``s3://``.
        overrides: Dotted overrides, for example ``training.epochs=3``.

    Returns:
        The resolution. A registry that cannot be reached is a warning here; promote will fail on it.

    Raises:
        UserError: Every problem of the configuration, or all of it that cannot be trained yet, or the data
            behind it cannot be read.
    """
    config = load_config(config_uri, overrides)
    if config.untrainable:
        hint = f"its data can be prepared and its augmentation tried: kubepresso prepare {config_uri}"
        *others, last = config.untrainable
        raise UserError([*others, f"{last}\n{hint}"])
    for warning in config.warnings:
        _warn(warning)
    with tracking.step_run("resolve", logging=config.logging) as tracked:
        placed = with_absolute_places(config, config_uri)  # steps may run in other folders
        text = placed.to_yaml()
        config_digest, data_digest = digest(config.to_yaml()), digest_data(placed.data)
        resolution = Resolution(
            views=_with_weights(placed, cut_views(text)),
            config=text,
            config_digest=config_digest,
            data_digest=data_digest,
            champion=_champion(config, config_digest, data_digest),
        )
        _track(tracked, config_uri, resolution)
    return resolution


def _with_weights(config: Config, views: dict[str, str]) -> dict[str, str]:
    """Name the content of the start weights in the view that reads them, as a comment for the cache key."""
    checkpoint = config.model.checkpoint
    if not (checkpoint.path and checkpoint.use_pretrained):
        return views
    comment = f"# model.checkpoint.path: {digest_folder(checkpoint.path)}\n"
    return {step: comment + view if step == "train" else view for step, view in views.items()}


def digest_data(data: DataConfig) -> str:
    """Digest all that is read of what ``data`` names; an archive is one file."""
    uri = source_uri(data)
    if uri is None:
        return _hub_digest(data)
    places = [("root", "")] if is_archive(uri) else _places(data)
    total = hashlib.sha256()
    for role, place in places:
        total.update(f"{role}\0{digest_folder(join(uri, place) if place else uri)}\0".encode())
    return f"sha256:{total.hexdigest()}"


def _places(data: DataConfig) -> Iterator[tuple[str, str]]:
    """Yield what is read below the root, by role; an empty place is the whole root."""
    named = {
        f"{split}.{role}": place
        for split in ("train", "valid", "test")
        for role, place in (getattr(data.path, split) if data.path and data.format == "local" else ())
        if place
    }
    if _reads_more_than(named, data):
        yield "root", ""
    yield from named.items()
    if isinstance(data.id_mapping, str):
        yield "id_mapping", data.id_mapping


def _reads_more_than(named: Mapping[str, str], data: DataConfig) -> bool:
    """Tell whether images, labels or class names are looked for outside the places that are named.

    Labels of classification lie with the images, where no place is named for them. Those of the other tasks
    are looked for below the root, and so is a file of class names.
    """
    splits = {role.partition(".")[0] for role in named}
    roles = ("image",) if data.task == "classification" else ("image", "label")
    all_named = all(f"{split}.{role}" in named for split in splits for role in roles)
    return not splits or not all_named or (data.task != "classification" and data.id_mapping is None)


def _hub_digest(data: DataConfig) -> str:
    """Name the revision of a data set on the hub, or its id alone where the hub does not answer."""
    assert data.metadata is not None
    assert data.metadata.repo is not None
    repo, subset = data.metadata.repo, data.metadata.subset
    try:
        from huggingface_hub import HfApi

        revision = HfApi().dataset_info(repo, timeout=_HUB_TIMEOUT).sha
    except Exception as error:
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        _warn(
            f"data.metadata.repo: the revision of {repo} is not known ({cause}); a change of the data "
            "set will not be noticed, and steps that read it may be taken from the cache"
        )
        revision = None
    return f"hub:{repo}/{subset or ''}@{revision or 'unknown'}"


def _champion(config: Config, config_digest: str, data_digest: str) -> str:
    name = registered_model(config.model, config.logging)
    try:
        registry = tracking.Registry(tracking.locate(config.logging))
        return str(look_up(registry, name, config_digest, data_digest))
    except UserError as error:
        _warn(f"{error}; until then nothing can be promoted")
        return str(Token.unreachable(config_digest, data_digest))


def _track(tracked: tracking.Run, config_uri: str, resolution: Resolution) -> None:
    tags = {
        "kubepresso.config_uri": tracking.redact(config_uri),
        "kubepresso.config_digest": resolution.config_digest,
        "kubepresso.data_digest": resolution.data_digest,
    }
    params: dict[str, Any] = yaml.safe_load(resolution.config)
    for run in (tracked, tracked.parent):
        run.set_tags(tags)
        run.log_text(resolution.config, "config.yaml")
    tracked.parent.log_params({name: params[name] for name in ("data", "model", "training", "environment")})


def _warn(line: str) -> None:
    sys.stderr.write(f"warning: {line}\n")
