"""Augmentation: config entries to torchvision.transforms.v2, and the checks of a recipe."""

from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.recipe import Recipe, build_recipe

__all__ = ["BuildContext", "Recipe", "build_recipe"]
