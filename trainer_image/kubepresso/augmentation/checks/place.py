"""How a transform is named in a message."""

from __future__ import annotations

from kubepresso.augmentation.recipe import Recipe


def place_of(phase: str, recipe: Recipe, index: int) -> str:
    """Name a transform as in the YAML, for example ``augmentation.train[3] (randomresizedcrop)``.

    Args:
        phase: train or inference.
        recipe: The recipe.
        index: Of the sample transform; the number of transforms stands for the end of the recipe.
    """
    if index >= len(recipe.names):
        return f"augmentation.{phase} (end of the recipe)"
    return f"augmentation.{phase}[{recipe.positions[index]}] ({recipe.names[index]})"
