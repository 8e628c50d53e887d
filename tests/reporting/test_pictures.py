"""What is drawn into the pictures of reports, by its pixels."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from kubepresso.reporting.palette import IGNORED, UNKNOWN, class_colour, class_colours, ink_on
from kubepresso.reporting.pictures import draw_boxes, draw_keypoints, draw_mask, picture_uri, thumbnail

GREY = (90, 90, 90)
RED, BLUE = (230, 25, 75), (0, 130, 200)


def canvas():
    return Image.new("RGB", (120, 80), GREY)


def luminance(colour):
    """Relative luminance of WCAG 2."""
    parts = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in np.array(colour) / 255]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_no_two_of_256_classes_share_a_colour_and_every_caption_can_be_read():
    colours = [class_colour(index) for index in range(256)]
    assert len(set(colours)) == 256
    for colour in colours:
        dark, light = sorted((luminance(colour), luminance(ink_on(colour))))
        assert (light + 0.05) / (dark + 0.05) > 3


def test_colours_of_the_user_come_first_and_gaps_are_filled():
    assert class_colours(3, [None, (1, 2, 3)]) == [class_colour(0), (1, 2, 3), class_colour(2)]
    assert class_colours(1, [(1, 2, 3), (4, 5, 6)]) == [(1, 2, 3)]


def test_a_box_is_drawn_on_its_edges_with_its_name_above():
    image = canvas()
    draw_boxes(image, np.array([[20, 30, 60, 70]]), [RED], ["cell"])
    for edge in ((20, 50), (59, 50), (40, 30), (40, 69)):
        assert image.getpixel(edge) == RED
    assert image.getpixel((40, 50)) == GREY
    assert image.getpixel((21, 29)) == RED


def test_where_names_collide_the_rare_one_is_written():
    boxes = np.array([[20, 30, 60, 70], [22, 32, 62, 72], [90, 30, 110, 70]], float)
    image = canvas()
    draw_boxes(image, boxes, [RED, BLUE, RED], ["red", "blue", "red"])
    above = {image.getpixel((x, y)) for x in range(22, 40) for y in range(20, 28)}
    assert BLUE in above
    assert RED not in above
    assert image.getpixel((91, 29)) == RED


def test_boxes_that_are_no_boxes_do_no_harm():
    image = canvas()
    wild = np.array([[np.nan, 0, np.inf, 9], [1e30, -1e30, 1e31, 1e30], [50, 60, 40, 20]])
    draw_boxes(image, wild, [RED] * 3, ["a", "b", "c"])
    assert image.getpixel((45, 20)) == RED


def test_a_mask_colours_its_classes_and_darkens_what_is_none():
    pixels = np.array([[0, 1], [7, 255]], np.uint8)
    drawn = draw_mask(canvas(), pixels, [RED, BLUE])
    corners = [drawn.getpixel(place) for place in ((5, 5), (115, 5), (5, 75), (115, 75))]
    for found, colour in zip(corners, (RED, BLUE, UNKNOWN, IGNORED), strict=True):
        expected = np.array(GREY) * 0.45 + np.array(colour) * 0.55
        assert np.abs(np.array(found) - expected).max() <= 1


@pytest.mark.parametrize(("visibility", "middle"), [(0, GREY), (1, GREY), (2, RED)])
def test_a_visible_keypoint_is_full_a_hidden_one_a_ring(visibility, middle):
    image = Image.new("RGB", (600, 400), GREY)
    draw_keypoints(image, np.array([[[300, 200, visibility]]]), [RED])
    assert image.getpixel((300, 200)) == middle
    assert (np.array(image) != GREY).any() == (visibility > 0)


def test_numbers_stand_beside_points_where_asked():
    plain, numbered = canvas(), canvas()
    for image, asked in ((plain, False), (numbered, True)):
        draw_keypoints(image, np.array([[[30, 40, 2]]]), [RED], asked)
    assert (np.array(plain)[30:50, 34:48] == GREY).all()
    assert (np.array(numbered)[30:50, 34:48] != GREY).any()


@pytest.mark.parametrize(("side", "form"), [(96, "PNG"), (200, "JPEG")])
def test_a_picture_travels_inside_the_page(side, form):
    kind, _, encoded = picture_uri(thumbnail(canvas(), side)).partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert kind == f"data:image/{form.lower()}"
    assert (image.format, image.size) == (form, (side, round(side * 2 / 3)))
