"""Column names of the Hugging Face formats."""

from __future__ import annotations

from collections.abc import Sequence

from kubepresso.config.data import DataConfig, Features

_DEFAULTS = Features()
_IMAGES = ("img", "pixel_values")
_LABELS = {
    "classification": ("labels", "fine_label"),
    "detection": ("objects", "annotations"),
    "segmentation": ("annotation", "mask", "segmentation_mask", "labels"),
}


def feature_columns(data: DataConfig) -> tuple[str, str]:
    """Return the names of the image and the label column (``data.metadata.features``)."""
    features = data.metadata.features if data.metadata is not None else _DEFAULTS
    return features.image, features.label


def columns_of(data: DataConfig, present: Sequence[str]) -> tuple[str, str]:
    """Return the columns of images and labels: the configured ones, else the usual ones of those present.

    Args:
        data: The data module of the configuration.
        present: Names of the table's columns.

    Returns:
        The names; the configured ones where none of the usual ones is there.
    """
    image, label = feature_columns(data)
    usual = _LABELS.get(data.task, ())
    return (
        _among(present, image, _IMAGES if image == _DEFAULTS.image else ()),
        _among(present, label, usual if label == _DEFAULTS.label else ()),
    )


def _among(present: Sequence[str], name: str, usual: Sequence[str]) -> str:
    return next((other for other in (name, *usual) if other in present), name)
