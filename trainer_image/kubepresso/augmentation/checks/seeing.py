"""Where what was drawn on a sample came out of a transform."""

from __future__ import annotations

import dataclasses

import torch

_LEAST_AREA = 4
_LARGEST_PART = 0.25
_FLAT = 1e-3


@dataclasses.dataclass(frozen=True)
class Region:
    """Where the pixels of something filled came out.

    Args:
        box: x1, y1, x2, y2 round all that is seen of it, float64 ``[4]``.
        is_cut: Whether it reaches the image's border, so that it may go on beyond.
    """

    box: torch.Tensor
    is_cut: bool


def find_region(blank: torch.Tensor, image: torch.Tensor) -> Region | None:
    """Return where two images differ, a filled part being in one of them; None where nothing can be told."""
    if blank.shape != image.shape:
        return None
    differs = (image.float() - blank.float()).abs().amax(0)
    # A change of contrast may lift what is not filled, too.
    least, most = differs.min(), differs.max()
    if most - least <= _FLAT * most:
        return None
    core = differs > (least + most) / 2
    rows, columns = core.any(1).nonzero().flatten(), core.any(0).nonzero().flatten()
    box = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).double()
    height, width = core.shape
    is_cut = bool((box[:2] == 0).any()) or box[2] == width or box[3] == height
    return Region(box, bool(is_cut))


def find_movement(
    blank: torch.Tensor, discs: list[torch.Tensor], places: torch.Tensor
) -> torch.Tensor | None:
    """Find the affine map that moved the pixels.

    Args:
        blank: The image without a disc after a transform, ``[3, H, W]``.
        discs: The images with a disc after the same random draws.
        places: Where the discs were, ``[3, 2]``.

    Returns:
        float64 ``[3, 2]``: ``[x, y, 1] @ it`` is the place after the transform; None where a disc was cut,
        covered, or is too small to see.
    """
    found = [find_disc(blank, image) for image in discs]
    seen = [disc for disc in found if disc is not None]
    if len(seen) < len(discs):
        return None
    least, most = (extreme(area for _, area in seen) for extreme in (min, max))
    if most > (1.05 + 1.5 / least**0.5) * least:  # more than counting pixels explains: one is partly covered
        return None
    before = torch.cat([places.double(), torch.ones(len(places), 1, dtype=torch.float64)], 1)
    after = torch.stack([centre for centre, _ in seen])
    movement: torch.Tensor = torch.linalg.solve(before, after)
    return movement


def find_disc(blank: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, int] | None:
    """Return the centre ``[2]`` and the area of what differs between two images; None where it is cut."""
    if blank.shape != image.shape:
        return None
    differs = (image.float() - blank.float()).abs().amax(0)
    strongest = differs.max()
    core = differs > 0.5 * strongest
    area = int(core.sum())
    borders = (core[0], core[-1], core[:, 0], core[:, -1])
    cut = any(bool(border.any()) for border in borders)
    if not strongest > 0 or cut or not _LEAST_AREA <= area <= _LARGEST_PART * core.numel():
        return None
    weights = differs.where(differs > 0.2 * strongest, 0.0)
    height, width = differs.shape
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    total = weights.sum()
    centre = torch.stack([(weights.sum(0) * columns).sum(), (weights.sum(1) * rows).sum()]) / total
    return centre.double(), area
