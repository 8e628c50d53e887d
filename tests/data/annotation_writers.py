"""The same boxes, masks and keypoints written in every annotation format, and read back."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kubepresso.config import DataConfig
from kubepresso.data.findings import Findings
from kubepresso.data.formats import open_source
from kubepresso.data.targets import Geometry, LabelProblemError

SIZE = (64, 48)
NAMES = ["ape", "bee", "cat"]


def image_bytes(seed=0, size=SIZE, orientation=1, suffix=".png"):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(buffer, {".png": "PNG", ".jpg": "JPEG"}[suffix], exif=exif)
    return buffer.getvalue()


def put(path: Path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def put_mask(path: Path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def data_config(root, task="detection", **values):
    path = {"root": str(root), **values.pop("path", {})}
    return DataConfig.model_validate({"name": "zoo", "task": task, "path": path, **values})


def geometry_of(content):
    with Image.open(io.BytesIO(content)) as image:
        orientation = image.getexif().get(0x0112, 1)
        return Geometry(*ImageOps.exif_transpose(image).size, orientation)


def read(data, root=None):
    """Return the source, its findings, and by split and path each target, or the problem in its place."""
    findings = Findings()
    source = open_source(data, root or Path(data.path.root), findings)
    targets = {}
    for split, samples in source.splits.items():
        assert len(samples) == len(list(samples))
        for sample in samples:
            try:
                targets[split, sample.path] = sample.target(geometry_of(sample.image_bytes))
            except LabelProblemError as error:
                targets[split, sample.path] = error
    return source, findings, targets


# Scenes: by split and stem, a list of (label, (x1, y1, x2, y2), crowd).


def write_images(root, scenes, folder="images/{split}"):
    for seed, (split, stem) in enumerate(sorted(scenes)):
        put(root / folder.format(split=split) / f"{stem}.png", image_bytes(seed))


def write_voc(root, scenes):
    write_images(root, scenes, "JPEGImages")
    for (split, stem), objects in scenes.items():
        body = "".join(
            f"<object><name>{NAMES[label]}</name><difficult>{int(crowd)}</difficult><bndbox>"
            f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
            "</object>\n"
            for label, (x1, y1, x2, y2), crowd in objects
        )
        size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>"
        put(root / "Annotations" / f"{stem}.xml", f"<annotation>{size}\n{body}</annotation>")
        with (put(root / "ImageSets/Main/.keep", b"").parent / f"{split}.txt").open("a") as file:
            file.write(f"{stem}\n")
    return data_config(root)


def write_yolo(root, scenes):
    write_images(root, scenes)
    for (split, stem), objects in scenes.items():
        lines = [
            f"{label} {(x1 + x2) / 2 / SIZE[0]!r} {(y1 + y2) / 2 / SIZE[1]!r} "
            f"{(x2 - x1) / SIZE[0]!r} {(y2 - y1) / SIZE[1]!r}"
            for label, (x1, y1, x2, y2), _ in objects
        ]
        put(root / "labels" / split / f"{stem}.txt", "\n".join(lines))
    put(root / "data.yaml", "names:\n" + "".join(f"  {n}: {name}\n" for n, name in enumerate(NAMES)))
    return data_config(root)


def coco(images, annotations, categories=None):
    kinds = categories or [{"id": 7 * n + 3, "name": name} for n, name in enumerate(NAMES)]
    return json.dumps({"images": images, "annotations": annotations, "categories": kinds})


def coco_image(key, name, size=SIZE):
    return {"id": key, "file_name": name, "width": size[0], "height": size[1]}


def write_coco(root, scenes):
    write_images(root, scenes, "{split}2017")
    for split in {split for split, _ in scenes}:
        stems = sorted(stem for other, stem in scenes if other == split)
        annotations = [
            {
                "id": 100 * key + n,
                "image_id": key,
                "category_id": 7 * label + 3,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": int(crowd),
            }
            for key, stem in enumerate(stems)
            for n, (label, (x1, y1, x2, y2), crowd) in enumerate(scenes[split, stem])
        ]
        images = [coco_image(key, f"{stem}.png") for key, stem in enumerate(stems)]
        put(root / "annotations" / f"instances_{split}2017.json", coco(images, annotations))
    return data_config(root)


BOX_WRITERS = {"voc": write_voc, "yolo": write_yolo, "coco": write_coco}
