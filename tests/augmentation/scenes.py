"""Pictures of coloured rectangles whose boxes, mask and keypoints can be read back from the pixels."""

import torch
from torchvision import tv_tensors

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig

COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], dtype=torch.uint8)
BLACK = (0, 0, 0)


def recipe_of(*entries, task="detection", **context):
    config = AugmentationConfig.model_validate({"train": list(entries)})
    return build_recipe(config.train, BuildContext(task=task, **context))


def scene(rectangles, height, width):
    """Return a sample with every kind of target: one rectangle (x1, y1, x2, y2) a colour on black."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    mask = torch.zeros(height, width, dtype=torch.uint8)
    for index, (x1, y1, x2, y2) in enumerate(rectangles):
        image[:, y1:y2, x1:x2] = COLOURS[index][:, None, None]
        mask[y1:y2, x1:x2] = index + 1
    boxes = torch.tensor(rectangles, dtype=torch.float32).reshape(-1, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    count, size = len(boxes), (height, width)
    return {
        "image": tv_tensors.Image(image),
        "mask": tv_tensors.Mask(mask),
        "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=size),
        "labels": torch.arange(count),
        "crowd": torch.zeros(count, dtype=torch.bool),
        "origin": torch.arange(count),
        "keypoints": tv_tensors.KeyPoints(centres, canvas_size=size),
        "visibility": torch.full((count,), 2),
    }


def quarters(height=60, width=80, margin=4):
    """Return four rectangles, one in each quarter of a picture."""
    y, x = height // 2, width // 2
    corners = [(0, 0), (x, 0), (0, y), (x, y)]
    return [(a + margin, b + margin, a + x - margin, b + y - margin) for a, b in corners]


def coloured(image, index):
    """Return where a picture has a colour, at least by half, and nothing of another one."""
    distance = (image.float() - COLOURS[index].float()[:, None, None]).abs().sum(0)
    return distance < 128


def extent(area):
    """Return x1, y1, x2, y2 of the true pixels."""
    rows, columns = area.any(1).nonzero().flatten(), area.any(0).nonzero().flatten()
    return torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()


def thinned(area, margin):
    """Return the pixels with nothing but true ones up to a margin round them, none beyond the border."""
    padded = torch.nn.functional.pad((~area).float()[None, None], [margin] * 4, value=1.0)
    return torch.nn.functional.max_pool2d(padded, 2 * margin + 1, stride=1)[0, 0] == 0
