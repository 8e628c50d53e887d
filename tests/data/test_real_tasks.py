"""Real boxes and real masks, from their source to a batch."""

import numpy as np
import pytest
from PIL import Image
from source_layouts import config, with_checks

from kubepresso.augmentation import BuildContext, build_recipe
from kubepresso.config import AugmentationConfig
from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import build_dataset
from kubepresso.data.loader import build_loader
from kubepresso.data.sampler import EvaluationBatches

pytestmark = pytest.mark.realdata


def first_batch(prepared, split="valid"):
    entries = [{"name": "resize", "size": [120, 160]}, {"name": "totensor"}]
    recipe = build_recipe(
        AugmentationConfig.model_validate({"inference": entries}).inference,
        BuildContext(prepared.manifest.task),
    )
    dataset = build_dataset(prepared, split, recipe, 0)
    return next(iter(build_loader(dataset, EvaluationBatches(len(dataset), 4), 0, "augmentation.inference")))


def test_bccd_gives_the_boxes_of_its_annotations(real_data, tmp_path, prepared):
    data = with_checks(
        config(name="bccd", task="detection", path={"root": str(real_data / "bccd")}), invalid_labels="skip"
    )
    result = prepared(data)
    opened = PreparedDataset.open(tmp_path / "prepared")
    opened.verify()
    assert opened.classes == ["Platelets", "RBC", "WBC"]
    assert result.findings.skipped() == len(result.findings.by_check["invalid_labels"]) == 2
    batch = first_batch(opened)
    for index, boxes, labels in zip(batch["index"], batch["boxes"], batch["labels"], strict=True):
        stored = opened.split("valid")[int(index)]
        assert np.allclose(boxes.numpy(), stored.target.boxes / 4, atol=1e-4)
        assert labels.tolist() == stored.target.labels.tolist()


def test_camvid_gives_the_pixels_of_its_masks(real_data, tmp_path, prepared):
    for kind in ("images", "masks"):
        for split in ("train", "val"):
            (tmp_path / "source" / kind / split).mkdir(parents=True)
            for file in sorted((real_data / "camvid" / kind / split).iterdir())[:8]:
                (tmp_path / "source" / kind / split / file.name).symlink_to(file)
    data = config(name="camvid", task="segmentation", path={"root": str(tmp_path / "source")})
    prepared(with_checks(data, empty_classes="warn"))
    opened = PreparedDataset.open(tmp_path / "prepared")
    opened.verify()
    for sample in opened.split("train"):
        with Image.open(
            (tmp_path / "source" / sample.path.replace("images", "masks", 1)).with_suffix(".png")
        ) as mask:
            assert np.array_equal(sample.target.pixels, np.array(mask))
    batch = first_batch(opened)
    assert batch["mask"].shape == (4, 120, 160)
    assert set(batch["mask"].unique().tolist()) <= {*range(len(opened.classes)), 255}
