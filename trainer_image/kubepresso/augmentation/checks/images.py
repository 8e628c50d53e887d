"""What a recipe's results must be, whatever the model: stackable, finite, not blank, in a plausible range."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kubepresso.augmentation.checks.place import place_of
from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Trace, first_stage

LARGEST_NORMALISED = 100.0
SMALLEST_SPREAD = 0.02


def check_results(phase: str, recipe: Recipe, traces: Sequence[Trace]) -> list[str]:
    """Check the images that a recipe makes.

    Args:
        phase: train or inference.
        recipe: The recipe.
        traces: Samples that went through it.

    Returns:
        One line for each problem, naming the transform at which it begins; empty when all is well.
    """
    errors = [(len(followed.stages), followed.error) for followed in traces if followed.error is not None]
    if errors:
        index, error = min(errors, key=lambda item: item[0])
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        return [f"{place_of(phase, recipe, index)}: fails on {len(errors)} of {len(traces)} images: {text}"]
    results = [
        followed.stages[-1].image if followed.stages else followed.source["image"] for followed in traces
    ]
    problems = [_dtype_problem(phase, results), _shape_problem(phase, results)]
    infinite = _finite_problem(phase, recipe, traces)
    values = (
        [infinite]
        if infinite
        else [_range_problem(phase, recipe, results), _blank_problem(phase, recipe, traces)]
    )
    problems += values
    return [problem for problem in problems if problem]


def _dtype_problem(phase: str, results: Sequence[torch.Tensor]) -> str | None:
    kinds = {str(image.dtype).removeprefix("torch.") for image in results}
    if kinds == {"float32"}:
        return None
    return f"augmentation.{phase}: results are {', '.join(sorted(kinds))}, not float32; add totensor"


def _shape_problem(phase: str, results: Sequence[torch.Tensor]) -> str | None:
    shapes = sorted({tuple(image.shape) for image in results})
    if len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][0] == 3:
        return None
    shown = ", ".join(" x ".join(map(str, shape)) for shape in shapes[:4])
    return (
        f"augmentation.{phase}: results have different shapes ({shown}) and cannot be stacked into a batch; "
        "end with one size, for example resize with size [height, width]"
    )


def _finite_problem(phase: str, recipe: Recipe, traces: Sequence[Trace]) -> str | None:
    index = first_stage(
        traces, lambda _, image: image.is_floating_point() and not bool(image.isfinite().all())
    )
    if index is None:
        return None
    return f"{place_of(phase, recipe, index)}: results hold NaN or infinity; check its parameters"


def _range_problem(phase: str, recipe: Recipe, results: Sequence[torch.Tensor]) -> str | None:
    values = torch.cat([image.flatten() for image in results]).to(torch.float32)
    low, high, spread = values.min().item(), values.max().item(), values.std().item()
    if "normalize" not in recipe.names:
        plausible = low >= -LARGEST_NORMALISED and high <= 255.0
        return None if plausible else f"augmentation.{phase}: values run from {low:.4g} to {high:.4g}"
    place = place_of(phase, recipe, len(recipe.names) - 1 - recipe.names[::-1].index("normalize"))
    fix = "mean and std must be on the scale of totensor's pixel_range"
    if max(-low, high) > LARGEST_NORMALISED:
        return f"{place}: values run from {low:.4g} to {high:.4g}, far from 0; {fix}"
    if spread < SMALLEST_SPREAD:
        return f"{place}: values hardly differ (standard deviation {spread:.3g} over all images); {fix}"
    return None


def _blank_problem(phase: str, recipe: Recipe, traces: Sequence[Trace]) -> str | None:
    """A crop may hit plain background now and then, so only a majority counts."""
    pictured = [followed for followed in traces if not _is_constant(followed.source["image"])]
    blank = [followed for followed in pictured if followed.stages and _is_constant(followed.stages[-1].image)]
    if not blank or len(blank) * 2 <= len(pictured):
        return None
    index = first_stage(blank, lambda _, image: _is_constant(image))
    place = place_of(phase, recipe, index or 0)
    return f"{place}: {len(blank)} of {len(pictured)} images come out blank (one value throughout a channel)"


def _is_constant(image: torch.Tensor) -> bool:
    flat = image.flatten(1)
    return flat.numel() == 0 or bool((flat == flat[:, :1]).all())
