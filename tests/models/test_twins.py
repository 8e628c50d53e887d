"""Whatever the YAML may name is built or said to be missing, and whatever can be built may be named."""

from typing import get_args

from kubepresso.compression.registry import METHODS
from kubepresso.config import trainable
from kubepresso.config.model import Compression, backbones, heads
from kubepresso.models.layers import ACTIVATIONS, NORMS
from kubepresso.models.registry import BACKBONES, HEADS


def names(annotation):
    """Return the texts of a Literal, or the ``name`` of each member of a union, inside Annotated."""
    arguments = get_args(annotation)
    if not arguments:
        return {annotation.model_fields["name"].default}
    if all(isinstance(argument, str) for argument in arguments):
        return set(arguments)
    inner = arguments[:1] if hasattr(annotation, "__metadata__") else arguments
    return set().union(*(names(argument) for argument in inner))


def test_backbones():
    assert set(trainable.BACKBONES) == set(BACKBONES)
    assert set(BACKBONES) <= names(backbones.Backbone)


def test_heads():
    assert set(trainable.HEADS) == set(HEADS)
    assert set(HEADS) <= names(heads.Head)


def test_activations_and_norms():
    assert names(backbones.Activation) == set(ACTIVATIONS)
    assert names(backbones.Norm) == set(NORMS)


def test_compression_methods():
    assert names(Compression.model_fields["method"].annotation) == set(METHODS)
