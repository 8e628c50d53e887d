"""A recipe: the transforms of ``augmentation.train`` or ``augmentation.inference``, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubepresso.augmentation.adapters import SampleTransform
from kubepresso.augmentation.batch import BatchTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.parts import enter, leave
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.errors import UserError
from kubepresso.sampling import SampleContext


class Recipe:
    """Transforms of single samples, called in order, and those of whole batches beside them.

    To follow a sample from transform to transform, call `enter`, each of `transforms` and `leave` yourself.

    Args:
        names: Name of each sample transform, as in the YAML.
        transforms: The sample transforms.
        batch_transforms: To apply after stacking, in order; see `BatchTransform`.
        positions: Where each sample transform stands in the YAML's list; None: they are the first ones.
    """

    def __init__(
        self,
        names: Sequence[str],
        transforms: Sequence[SampleTransform],
        batch_transforms: Sequence[BatchTransform],
        positions: Sequence[int] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.positions = tuple(range(len(names)) if positions is None else positions)
        self.transforms = tuple(transforms)
        self.batch_transforms = tuple(batch_transforms)

    def __call__(self, sample: dict[str, Any], context: SampleContext | None = None) -> dict[str, Any]:
        """Transform one sample; random draws come from torch's CPU generator.

        Args:
            sample: ``image``, a ``tv_tensors.Image`` uint8 ``[3, H, W]``, and the task's targets:
                classification ``label`` (int); detection ``boxes`` (``BoundingBoxes`` XYXY float32
                ``[n, 4]``), ``labels`` (int64 ``[n]``), ``crowd`` (bool ``[n]``); segmentation ``mask``
                (``Mask`` uint8 ``[H, W]``, 255 is no class); pose estimation, one instance: ``boxes``
                ``[1, 4]``, ``keypoints`` (``KeyPoints`` float32 ``[k, 2]``), ``visibility`` (int64 ``[k]``).
                Other keys pass through, but ``origin`` (int64 ``[n]``) goes with the boxes, -1 for those of
                other images.
            context: Needed by ``mosaicdetection`` and ``randomresize`` only.

        Returns:
            The same keys as plain tensors. ``image`` is float32 where the recipe has ``totensor``. Boxes lie
            inside the image, those without an area are gone together with their ``labels`` and ``crowd``, and
            keypoints outside the image have visibility 0.
        """
        sample = enter(sample)
        for transform in self.transforms:
            sample = transform(sample, context)
        return leave(sample)


def build_recipe(entries: Sequence[Any] | None, context: BuildContext, key: str = "augmentation") -> Recipe:
    """Build a recipe from config entries.

    Args:
        entries: ``config.augmentation.train`` or ``.inference``; None is an empty recipe.
        context: The task, the epochs and the keypoints' partners.
        key: Where the entries stand in the configuration, for messages.

    Raises:
        UserError: Transforms that are not for this task, and parameters that torchvision refuses, all at
            once.
    """
    problems: list[str] = []
    kept = list(entries or ())
    built = [_build(entry, f"{key}[{index}]", context, problems) for index, entry in enumerate(kept)]
    if problems:
        raise UserError(problems)
    pairs = list(enumerate(zip(kept, built, strict=True)))
    singles = [(index, entry.name, each) for index, (entry, each) in pairs if entry.acts_on != "batch"]
    batch = [each for _, (entry, each) in pairs if entry.acts_on == "batch"]
    positions, names, transforms = zip(*singles, strict=True) if singles else ((), (), ())
    return Recipe(names, transforms, batch, positions)


def _build(entry: Any, place: str, context: BuildContext, problems: list[str]) -> Any:
    if context.task not in entry.tasks:
        allowed = " and ".join(entry.tasks)
        problems.append(f"{place} ({entry.name}): is for {allowed}, not for {context.task}; remove it")
        return None
    try:
        return TRANSFORMS[entry.name](entry, context)
    except (ValueError, TypeError) as error:
        problems.append(f"{place} ({entry.name}): {error}")
        return None
