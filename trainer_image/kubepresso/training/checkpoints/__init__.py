"""Checkpoints: taken between two steps, written beside the training, whole or not there at all."""

from kubepresso.training.checkpoints.keeper import Keeper
from kubepresso.training.checkpoints.kept import Kept

__all__ = ["Keeper", "Kept"]
