"""The contact sheet of validate_augmentation: every sample before and after each transform."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from kubepresso.augmentation.checks.following import Following
from kubepresso.augmentation.checks.losses import Loss, share_lost
from kubepresso.augmentation.drawing import draw_sample
from kubepresso.augmentation.figures import Figure
from kubepresso.augmentation.inventory import UNITS, held
from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Sample, Trace
from kubepresso.reporting.page import write_page
from kubepresso.reporting.palette import IGNORED, Colour, class_colours, hex_colour, ink_on
from kubepresso.reporting.pictures import picture_uri

_SMALL_SIDE, _LARGE_SIDE = 92, 246
_SMALL_ROWS = 6
_LARGE_ROWS = 4
_MIXED = 8


@dataclasses.dataclass(frozen=True)
class Subject:
    """What the samples show.

    Args:
        task: ``data.task``.
        classes: Class names; keypoint names for poses.
        swap: Of poses, each keypoint's partner.
        own_colours: Of poses, each keypoint's colour where the user chose one.
    """

    task: str
    classes: Sequence[str]
    swap: Sequence[int] = ()
    own_colours: Sequence[Colour | None] = ()

    @property
    def colours(self) -> list[Colour]:
        """A colour for each class."""
        return class_colours(len(self.classes), self.own_colours)

    @property
    def is_large(self) -> bool:
        """Whether targets are drawn, which takes larger pictures."""
        return self.task in UNITS


@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """What the sheet shows of one recipe.

    Args:
        phase: train or inference.
        recipe: The recipe.
        subject: What the samples show.
        names: Names of the samples.
        traces: The samples.
        images_per_second: Of the whole recipe with decoding, in one process.
        losses: What each transform loses.
        following: Whether targets go where pixels go.
        figures: What is in the samples before and after.
        mixed: After each batch transform, images ``[N, 3, H, W]`` and soft targets ``[N, classes]``.
    """

    phase: str
    recipe: Recipe
    subject: Subject
    names: Sequence[str]
    traces: Sequence[Trace]
    images_per_second: float
    losses: Sequence[Loss] = ()
    following: Following = dataclasses.field(default_factory=Following)
    figures: Sequence[Figure] = ()
    mixed: Sequence[tuple[torch.Tensor, torch.Tensor]] = ()

    @property
    def transforms(self) -> int:
        """How many transforms the recipe has, those of whole batches included."""
        return len(self.recipe.names) + len(self.recipe.batch_transforms)

    @property
    def mixed_rows(self) -> list[list[tuple[str, str]]]:
        """``(data URI, shares of the classes)`` of the first images of each mixed batch."""
        return [
            [
                (self._cell({"image": image})[0], self._shares(target))
                for image, target in zip(images[:_MIXED], targets[:_MIXED], strict=True)
            ]
            for images, targets in self.mixed
        ]

    def _shares(self, target: torch.Tensor) -> str:
        shares, found = target.sort(descending=True)
        named = zip(shares.tolist(), found.tolist(), strict=True)
        return ", ".join(
            f"{self.subject.classes[label]} {share:.0%}" for share, label in named if share > 0.005
        )

    @property
    def rows(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Name, and ``(data URI, caption)`` of the source and of each stage, for the first samples."""
        shown = _LARGE_ROWS if self.subject.is_large else _SMALL_ROWS
        return [
            (name, [self._cell(sample) for sample in followed.samples[: 1 + len(followed.stages)]])
            for name, followed in list(zip(self.names, self.traces, strict=True))[:shown]
        ]

    def _cell(self, sample: Sample) -> tuple[str, str]:
        image, subject = sample["image"], self.subject
        height, width = image.shape[-2:]
        caption = f"{height} × {width}" + (" float" if image.is_floating_point() else "")
        side = _LARGE_SIDE if subject.is_large else _SMALL_SIDE
        return picture_uri(draw_sample(sample, subject.classes, subject.colours, side)), caption

    @property
    def legend(self) -> list[tuple[str, str, str]]:
        """Name, colour and the ink that can be read on it, of what is drawn."""
        subject, numbered = self.subject, self.subject.task == "pose_estimation"
        shown = self._classes_shown() if subject.is_large else []
        names = [f"{index} {name}" if numbered else name for index, name in enumerate(subject.classes)]
        named = [(names[index], subject.colours[index]) for index in shown]
        if subject.task == "segmentation":
            named.append(("no class (255)", IGNORED))
        return [(name, hex_colour(colour), hex_colour(ink_on(colour))) for name, colour in named]

    def _classes_shown(self) -> list[int]:
        drawn = [sample for run in self.traces[:_LARGE_ROWS] for sample in (run.source, run.result) if sample]
        counts = [held(self.subject.task, sample, len(self.subject.classes)) for sample in drawn]
        return [index for index in range(len(self.subject.classes)) if any(count[index] for count in counts)]

    @property
    def unit(self) -> str:
        """What is lost, in the plural; empty for classification."""
        return UNITS.get(self.subject.task, "")

    @property
    def columns(self) -> int:
        """Large pictures side by side: five where that saves a row."""
        cells = 1 + len(self.recipe.names)
        return 5 if -(-cells // 5) < -(-cells // 4) else 4

    @property
    def share_lost(self) -> float:
        """Part of the objects that the recipe loses."""
        return share_lost(self.losses)

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
