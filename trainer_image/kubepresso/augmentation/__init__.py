"""Augmentation: config entries to torchvision.transforms.v2, and the checks of a recipe."""

from kubepresso.augmentation.recipe import Recipe, build_recipe

__all__ = ["Recipe", "build_recipe"]
