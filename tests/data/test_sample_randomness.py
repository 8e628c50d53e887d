import io
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from source_layouts import pictures
from torch.utils.data import DataLoader

from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import ImageDataset, build_dataset
from kubepresso.data.decoding import decode_rgb
from kubepresso.data.randomness import seeded


def noisy(sample, context):
    """A recipe that adds one random number to the image."""
    return {**sample, "image": sample["image"].to(torch.float32) + torch.rand(())}


@pytest.fixture
def dataset(tmp_path, prepared, folder_source):
    prepared(folder_source(pictures()))
    return build_dataset(PreparedDataset.open(tmp_path / "prepared"), "train", noisy, seed=7)


def loaded(dataset, keys, workers):
    context = "forkserver" if workers else None
    loader = DataLoader(
        dataset,
        batch_size=3,
        sampler=keys,
        num_workers=workers,
        multiprocessing_context=context,
        timeout=60 * bool(workers),
    )
    return {
        (int(index)): image
        for batch in loader
        for index, image in zip(batch["index"], batch["image"], strict=True)
    }


@pytest.mark.usefixtures("worker_server")
def test_a_sample_is_the_same_in_any_order_and_with_any_number_of_workers(dataset):
    keys = [(2, index, 0) for index in range(len(dataset))]
    torch.manual_seed(1)
    alone = loaded(dataset, keys, 0)
    torch.manual_seed(99)
    for other in (
        loaded(dataset, keys[::-1], 0),
        loaded(dataset, keys, 1),
        loaded(dataset, keys[5:] + keys[:5], 2),
    ):
        assert all(torch.equal(alone[index], other[index]) for index in alone)


def test_epoch_seed_and_index_each_change_the_draw(dataset):
    image = dataset[0, 0, 0]["image"]
    assert torch.equal(image, dataset[0, 0, 0]["image"])
    assert not torch.equal(image, dataset[1, 0, 0]["image"])
    other = ImageDataset(dataset.reader, noisy, seed=8)
    assert not torch.equal(image, other[0, 0, 0]["image"])
    draws = {dataset[0, i, 0]["image"].frac().flatten()[0].item() for i in range(len(dataset))}
    assert len(draws) == len(dataset)


def test_the_surrounding_randomness_goes_on_as_if_nothing_was_drawn(dataset):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    dataset[0, 1, 0]
    assert torch.equal(torch.rand(3), expected)
    with pytest.raises(ValueError, match="stop"), seeded(1):
        raise ValueError("stop")


@settings(max_examples=30)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4))
def test_any_integers_are_a_key(key):
    with seeded(*key):
        first = torch.rand(4)
    with seeded(*key):
        assert torch.equal(first, torch.rand(4))


def test_a_pickled_data_set_carries_no_images(dataset):
    dataset[0, 0, 0]
    assert len(pickle.dumps(dataset)) < 3000


def picture(mode, size=(17, 11)):
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    return Image.frombytes(mode, size, pixels.tobytes())


def written(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGB", "BMP"),
        ("RGB", "TIFF"),
        ("RGB", "WEBP"),
        ("L", "GIF"),
    ],
)
def test_every_mode_decodes_to_the_same_rgb_as_pillow(mode, kind):
    image = picture("RGB").quantize(16) if mode == "P" else picture(mode)
    content = written(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    opened = Image.open(io.BytesIO(content)).convert("RGB")
    expected = torch.from_numpy(np.array(opened)).permute(2, 0, 1)
    decoded = decode_rgb(content)
    assert decoded.dtype == torch.uint8
    assert torch.equal(decoded.as_subclass(torch.Tensor), expected)


def test_sixteen_bits_become_eight():
    levels = np.linspace(0, 65535, 60, dtype=np.uint16).reshape(6, 10)
    decoded = decode_rgb(written(Image.fromarray(levels), "PNG"))
    assert decoded.dtype == torch.uint8
    assert torch.allclose(decoded[0].float(), torch.from_numpy((levels / 257).astype(np.float32)), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_images_stand_upright(orientation, kind):
    image = picture("RGB").resize((64, 48), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = written(image, kind, exif=exif.tobytes())
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    expected = torch.from_numpy(np.array(upright)).permute(2, 0, 1).int()
    decoded = decode_rgb(content).int()
    assert decoded.shape == expected.shape
    assert (decoded - expected).abs().max() <= 2
