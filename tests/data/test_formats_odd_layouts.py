"""Data sets as people really have them: nothing of them is left out without a word."""

import pytest
from annotation_writers import coco, coco_image, data_config, image_bytes, put, read


def found_in(findings, check):
    return [str(finding) for finding in findings.by_check[check]]


def annotation(key, image, category=3, **values):
    return {"id": key, "image_id": image, "category_id": category, "bbox": [2, 2, 9, 9], **values}


@pytest.mark.parametrize("task", ["detection", "segmentation", "pose_estimation"])
def test_annotations_of_images_that_are_not_listed_are_told(task, tmp_path):
    put(tmp_path / "train/0.png", image_bytes())
    extra = {"keypoints": [3, 3, 2], "segmentation": [[2, 2, 9, 2, 9, 9]]}
    kinds = [{"id": 3, "name": "ape", "keypoints": ["nose"]}]
    rows = [annotation(n, image, **extra) for n, image in enumerate([0, 7, None])]
    name = "person_keypoints" if task == "pose_estimation" else "instances"
    put(tmp_path / f"annotations/{name}_train.json", coco([coco_image(0, "0.png")], rows, kinds))
    _, findings, targets = read(data_config(tmp_path, task))
    assert len(targets) == 1
    place = f"annotations/{name}_train.json: annotation"
    message = "its image_id is not one of the images"
    assert found_in(findings, "missing_labels") == [f"{place} 1: {message}", f"{place} 2: {message}"]
