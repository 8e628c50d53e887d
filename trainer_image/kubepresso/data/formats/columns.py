"""Column names of the Hugging Face formats."""

from __future__ import annotations

from kubepresso.config.data import DataConfig, Features


def feature_columns(data: DataConfig) -> tuple[str, str]:
    """Return the names of the image and the label column (``data.metadata.features``)."""
    features = data.metadata.features if data.metadata is not None else Features()
    return features.image, features.label
