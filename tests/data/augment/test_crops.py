"""Crops and shifts: boxes by hand and by their distribution."""

import math

import numpy as np
import pytest
from PIL import Image

from elite_tf.data.augment import crops

DRAWS = 4000


@pytest.mark.parametrize(
  "height, width, areas, central",
  [
    # Evaluation's crop, three quarters of the shorter side at 96 pixels.
    (192, 256, (0.1, 1.0), (56, 24, 200, 168)),
    (192, 256, (0.5, 1.0), (56, 24, 200, 168)),
    (96, 96, (0.1, 1.0), (12, 12, 84, 84)),
    (300, 100, (0.1, 1.0), (12, 112, 87, 187)),
  ],
)
def test_boxes_lie_inside_and_have_area_and_aspect_wanted(
  rng, height, width, areas, central
):
  fallen_back = 0
  for _ in range(DRAWS):
    box = crops.random_box(height, width, areas, 96, rng)
    if box == central:
      fallen_back += 1
      continue
    left, top, right, bottom = box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    area = (right - left) * (bottom - top) / (height * width)
    assert areas[0] - 0.02 <= area <= areas[1]
    assert 3 / 4 - 0.03 <= (right - left) / (bottom - top) <= 4 / 3 + 0.03
  # Of three squares side by side, few areas fit into the picture.
  assert fallen_back < DRAWS * (0.2 if height == 300 else 0.01)


def test_areas_and_ratios_are_uniform():
  """From a picture so large that every draw fits: quarters of each range."""
  rng = np.random.default_rng(1)
  areas, ratios, places = [], [], []
  while len(areas) < DRAWS:
    # Up to 0.5 every aspect fits into a square.
    left, top, right, bottom = crops.random_box(1000, 1000, (0.1, 0.5), 96, rng)
    areas.append((right - left) * (bottom - top) / 1e6)
    ratios.append(math.log((right - left) / (bottom - top)))
    places.append(left / (1000 - (right - left)))
    places.append(top / (1000 - (bottom - top)))
  for values, low, high in (
    (areas, 0.1, 0.5),
    (ratios, math.log(3 / 4), math.log(4 / 3)),
    (places, 0, 1),
  ):
    counts = np.histogram(values, np.linspace(low, high, 5))[0]
    spread = 4 * math.sqrt(len(values) * 0.25 * 0.75)
    assert np.abs(counts - len(values) / 4).max() <= spread


def test_first_draw_that_fits_is_taken(fixed):
  """Area 0.5 of 100 x 200 at an aspect of 2 is 141 x 71; at 1/2 it is no fit."""
  draws = fixed(1.0, math.log(1.0), 0.5, math.log(2.0), 7, 11)
  # The first one, 141 x 141, is higher than the picture.
  box = crops.random_box(100, 200, (0.1, 1.0), 96, draws)
  assert box == (7, 11, 7 + 141, 11 + 71) and not draws.values


def test_after_ten_tries_it_is_the_centre(fixed):
  """Of 100 pixels 224 / 256 are 87.5: 88, six pixels from the top."""
  draws = fixed(*[1.0, 0.0] * 10)
  box = crops.random_box(100, 200, (0.1, 1.0), 224, draws)
  assert box == (56, 6, 144, 94) and not draws.values


@pytest.mark.parametrize(
  "side, reach", [(32, 4), (29, 3), (28, 3), (16, 2), (7, 0)]
)
def test_shifts_reach_an_eighth_of_the_side(rng, side, reach):
  drawn = [crops.draw_shift(side, rng) for _ in range(DRAWS)]
  for values in zip(*drawn):
    assert set(values) == set(range(-reach, reach + 1))
  count, expected = drawn.count((0, 0)), DRAWS / (2 * reach + 1) ** 2
  assert abs(count - expected) <= 5 * math.sqrt(expected)


@pytest.mark.parametrize("kind", ["picture", "flower"])
def test_shift_black(kind, request):
  picture = request.getfixturevalue(kind)
  pixels = np.asarray(picture)
  found = np.asarray(crops.shift_black(picture, 3, -2))
  assert (found[3:, :-2] == pixels[:-3, 2:]).all()
  assert not found[:3].any() and not found[:, -2:].any()
  found = np.asarray(crops.shift_black(picture, -1, 4))
  assert (found[:-1, 4:] == pixels[1:, :-4]).all()
  assert not found[-1:].any() and not found[:, :4].any()


def test_shift_edge_by_hand():
  image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
  assert crops.shift_edge(image, 1, -2)[..., 0].tolist() == [
    [2, 3, 3, 3],
    [2, 3, 3, 3],
    [6, 7, 7, 7],
  ]
  assert (crops.shift_edge(image, 0, 0) == image).all()


def test_shift_edge_of_colour(picture):
  pixels = np.asarray(picture)
  found = crops.shift_edge(pixels, -2, 3)
  padded = np.pad(pixels, ((4, 4), (4, 4), (0, 0)), mode="edge")
  assert (found == padded[6:46, 1:51]).all()
  assert Image.fromarray(found).size == picture.size
