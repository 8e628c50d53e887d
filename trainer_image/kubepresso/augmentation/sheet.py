"""The contact sheet of validate_augmentation: every image before and after each transform."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional
from torchvision.io import encode_png

from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Trace
from kubepresso.reporting.page import image_uri, write_page

_SIDE = 92
_ROWS = 6


@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """What the sheet shows of one recipe.

    Args:
        phase: train or inference.
        recipe: The recipe.
        names: Names of the samples.
        traces: The samples.
        images_per_second: Of the whole recipe with decoding, in one process.
    """

    phase: str
    recipe: Recipe
    names: Sequence[str]
    traces: Sequence[Trace]
    images_per_second: float

    @property
    def rows(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Name, and ``(data URI, caption)`` of the source and of each stage, for the first samples."""
        return [
            (name, [_cell(followed.source), *(_cell(stage.image) for stage in followed.stages)])
            for name, followed in list(zip(self.names, self.traces, strict=True))[:_ROWS]
        ]

    @property
    def milliseconds(self) -> list[tuple[str, float, None]]:
        """Median time of each transform, as rows of a bar chart."""
        rows: list[tuple[str, float, None]] = []
        for index, name in enumerate(self.recipe.names):
            times = [run.stages[index].seconds for run in self.traces if len(run.stages) > index]
            rows.append((f"{index} {name}", 1000 * statistics.median(times or [0.0]), None))
        return rows

    @property
    def output(self) -> str:
        """Shape and range of the results in words."""
        results = [run.stages[-1].image for run in self.traces if run.stages and run.error is None]
        if not results:
            return "none"
        shapes = {tuple(image.shape) for image in results}
        low = min(image.min().item() for image in results)
        high = max(image.max().item() for image in results)
        shape = " × ".join(map(str, shapes.pop())) if len(shapes) == 1 else "different shapes"
        return f"{shape}, {low:.3g} to {high:.3g}"


def write_sheet(
    target: Path,
    phases: Sequence[PhaseReport],
    problems: Sequence[str],
    warnings: Sequence[str],
    throughput: str,
) -> None:
    """Write the HTML sheet.

    Args:
        target: The file to make.
        phases: The recipes.
        problems: What refuses the recipes.
        warnings: What does not.
        throughput: A sentence on the speed.
    """
    write_page(
        target,
        "kubepresso.augmentation",
        "validate_augmentation.html.j2",
        phases=phases,
        problems=problems,
        warnings=warnings,
        throughput=throughput,
    )


def _cell(image: torch.Tensor) -> tuple[str, str]:
    height, width = image.shape[-2:]
    caption = f"{height} × {width}" + (" float" if image.is_floating_point() else "")
    return image_uri(encode_png(_displayable(image)).numpy().tobytes()), caption


def _displayable(image: torch.Tensor) -> torch.Tensor:
    """Return uint8 ``[3, h, w]``; floats beyond 0 to 1 and 0 to 255 are stretched to their range."""
    pixels = torch.nan_to_num(image.to(torch.float32), posinf=0.0, neginf=0.0)
    if image.is_floating_point():
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > 255:
            pixels = (pixels - low) / (high - low).clamp(min=1e-12) * 255
        elif high <= 1:
            pixels = pixels * 255
    scale = _SIDE / max(image.shape[-2:])
    method = "nearest" if scale > 1 else "area"
    size = [max(round(side * scale), 1) for side in image.shape[-2:]]
    return functional.interpolate(pixels[None], size, mode=method)[0].round().clamp(0, 255).to(torch.uint8)
