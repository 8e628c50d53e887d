"""An image of any mode is one picture: for the checks, in the report and in training."""

import io

import numpy as np
import pytest
from PIL import Image

from kubepresso.data.decoding import decode_rgb
from kubepresso.data.formats.source import ClassLabel, RawSample
from kubepresso.data.inspection import Inspector
from kubepresso.data.pixels import decode_upright
from kubepresso.data.targets import codec_of

# All tones in order, so that a cut-off or wrapped range is seen.
WIDE = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
GREY = (WIDE >> 8).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def transparent_palette():
    image = Image.fromarray(COLOUR).quantize(16)
    return image, np.array(image.convert("RGB"))


PALETTE, PALETTE_PIXELS = transparent_palette()
IMAGES = {
    "grey PNG of 16 bits": (encoded(Image.fromarray(WIDE), "PNG"), GREY),
    "grey TIFF of 16 bits": (encoded(Image.fromarray(WIDE), "TIFF"), GREY),
    "TIFF of 32-bit whole numbers": (encoded(Image.fromarray(WIDE.astype(np.int32)), "TIFF"), GREY),
    "TIFF of fractions to 1": (
        encoded(Image.fromarray(WIDE.astype(np.float32) / 65535), "TIFF"),
        (WIDE / 65535 * 255).round(),
    ),
    "TIFF of fractions to 255": (encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"), GREY),
    "PNG of 1 bit": (encoded(Image.fromarray(GREY > 99), "PNG"), np.where(GREY > 99, 255, 0)),
    "grey PNG with alpha": (
        encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]), "PNG"),
        GREY,
    ),
    "TIFF in CMYK": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), COLOUR),
    "palette PNG with transparency": (encoded(PALETTE, "PNG", transparency=3), PALETTE_PIXELS),
    "GIF with transparency": (encoded(PALETTE, "GIF", transparency=3), PALETTE_PIXELS),
}


@pytest.mark.parametrize("name", IMAGES)
def test_the_checks_and_training_see_the_tones_of_the_file(name):
    content, expected = IMAGES[name]
    expected = np.stack([expected] * 3, -1) if expected.ndim == 2 else expected
    checked = np.array(decode_upright(content)[0])
    trained = decode_rgb(content).permute(1, 2, 0).numpy()
    assert np.array_equal(checked, trained)
    assert np.abs(trained.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("worst", [1e4, -3.0, np.nan])
def test_numbers_that_are_no_tones_are_named(worst):
    values = np.full((9, 9), 7, np.float32)
    values[4, 4] = worst
    content = encoded(Image.fromarray(values), "TIFF")
    sample = RawSample(content, "depth.tif", ClassLabel(0))
    inspected = Inspector(codec_of("classification"), ["any"]).inspect(sample)
    assert "allowed are 0 to 1, or 0 to 255" in inspected.problem
