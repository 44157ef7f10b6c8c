"""The fifteen operations against what was worked out by hand, on pictures."""

import math

import numpy as np
import pytest
from PIL import ImageEnhance, ImageOps

from elite_tf.data.augment.operations import (
  CUTOUT_GREY,
  CUTOUT_RGB,
  OPERATIONS,
  SIGNED,
)
from elite_tf.data.augment.policies import load_policy

# In the middle of each range; an operation that takes none is given one.
MAGNITUDES = {
    "ShearX": 0.2, "ShearY": 0.2, "TranslateX": 0.2, "TranslateY": 0.2,
    "Rotate": 20.0, "Solarize": 100.0, "Posterize": 5.0, "Contrast": 0.4,
    "Color": 0.4, "Brightness": 0.4, "Sharpness": 0.4, "Cutout": 0.2,
    "AutoContrast": 0.5, "Invert": 0.5, "Equalize": 0.5,
}  # fmt: skip


def _apply(name, picture, magnitude, rng=None):
  return np.asarray(OPERATIONS[name](picture, magnitude, rng))


def _sampled(picture, source):
  """Nearest neighbour by hand: source(x, y) of every pixel's centre."""
  pixels = np.asarray(picture)
  height, width = pixels.shape[:2]
  expected = np.zeros_like(pixels)
  for y in range(height):
    for x in range(width):
      u, v = (math.floor(c) for c in source(x + 0.5, y + 0.5))
      if 0 <= u < width and 0 <= v < height:
        expected[y, x] = pixels[v, u]
  return expected


def _share_equal(left, right):
  return (left == right).reshape(*left.shape[:2], -1).all(-1).mean()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("kind", ["picture", "flower"])
def test_size_and_mode_stay_and_the_input_too(name, kind, request, rng):
  picture = request.getfixturevalue(kind)
  before = picture.tobytes()
  found = OPERATIONS[name](picture, MAGNITUDES[name], rng)
  assert (found.size, found.mode) == (picture.size, picture.mode)
  assert picture.tobytes() == before
  if (name, kind) != ("Color", "flower"):
    assert found.tobytes() != before


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
  "name, magnitude, source",
  [
    # An output pixel takes its colour from where the source says.
    ("ShearX", 0.25, lambda m, w, h: lambda x, y: (x + m * y, y)),
    ("ShearY", 0.25, lambda m, w, h: lambda x, y: (x, y + m * x)),
    ("TranslateX", 0.3, lambda m, w, h: lambda x, y: (x + m * w, y)),
    ("TranslateY", 0.3, lambda m, w, h: lambda x, y: (x, y + m * h)),
  ],
)
@pytest.mark.parametrize("kind", ["picture", "flower"])
def test_shear_and_translation(name, magnitude, source, sign, kind, request):
  picture = request.getfixturevalue(kind)
  magnitude *= sign
  found = _apply(name, picture, magnitude)
  expected = _sampled(picture, source(magnitude, *picture.size))
  # Where a source lies on the line between two pixels either may be taken.
  assert _share_equal(found, expected) > 0.99
  assert (np.atleast_3d(found) == 0).all(-1).any(), "black beyond the edge"


def test_translations_by_hand(picture):
  """0.3 of a width of 50 are 15 columns; 0.3 of a height of 40 are 12 rows."""
  pixels = np.asarray(picture)
  left = _apply("TranslateX", picture, 0.3)
  assert (left[:, :35] == pixels[:, 15:]).all() and not left[:, 35:].any()
  right = _apply("TranslateX", picture, -0.3)
  assert (right[:, 15:] == pixels[:, :35]).all() and not right[:, :15].any()
  up = _apply("TranslateY", picture, 0.3)
  assert (up[:28] == pixels[12:]).all() and not up[28:].any()
  down = _apply("TranslateY", picture, -0.3)
  assert (down[12:] == pixels[:28]).all() and not down[:12].any()


@pytest.mark.parametrize("degrees", [-30, -13, 7, 30])
def test_rotation_is_about_the_centre(picture, degrees):
  """Counter-clockwise, where y points down."""
  sine, cosine = (
    math.sin(math.radians(degrees)),
    math.cos(math.radians(degrees)),
  )

  def source(x, y):
    x, y = x - 25, y - 20
    return x * cosine - y * sine + 25, x * sine + y * cosine + 20

  found = _apply("Rotate", picture, degrees)
  assert _share_equal(found, _sampled(picture, source)) > 0.99
  assert _share_equal(found, np.asarray(picture)) < 0.9


@pytest.mark.parametrize("kind", ["picture", "flower"])
def test_auto_contrast_stretches_every_channel(kind, request):
  picture = request.getfixturevalue(kind).point(lambda x: 40 + x // 3)
  pixels = np.atleast_3d(np.asarray(picture)).astype(float)
  low, high = pixels.min((0, 1)), pixels.max((0, 1))
  expected = (pixels - low) * 255 / (high - low)
  found = np.atleast_3d(_apply("AutoContrast", picture, 0.5))
  assert np.abs(found - expected).max() <= 1
  assert found.min() == 0 and found.max() == 255


@pytest.mark.parametrize("kind", ["picture", "flower"])
def test_pointwise_operations(kind, request):
  picture = request.getfixturevalue(kind)
  pixels = np.asarray(picture).astype(int)
  assert (_apply("Invert", picture, 0.1) == 255 - pixels).all()
  solarized = np.where(pixels < 100, pixels, 255 - pixels)
  assert (_apply("Solarize", picture, 100.0) == solarized).all()
  solarized = np.where(pixels <= 100, pixels, 255 - pixels)
  assert (_apply("Solarize", picture, 100.5) == solarized).all()
  assert (_apply("Posterize", picture, 5.9) == pixels // 8 * 8).all()
  assert (_apply("Posterize", picture, 4.0) == pixels // 16 * 16).all()
  assert (_apply("Posterize", picture, 8.0) == pixels).all()
  for factor in (0.1, 0.7, 1.9):
    found = _apply("Brightness", picture, factor)
    expected = np.clip(pixels * factor, 0, 255)
    assert np.abs(found - expected).max() <= 1


def test_equalize_makes_the_histogram_flat(flower):
  """Ranks become grey values: darker stays darker, a quarter in each quarter."""
  found = _apply("Equalize", flower, 0.5)
  quarters = np.histogram(found, [0, 64, 128, 192, 256])[0] / found.size
  assert quarters == pytest.approx([0.25] * 4, abs=0.05)
  assert np.histogram(flower, [0, 64, 128, 192, 256])[0].max() > 0.4 * 32 * 48
  order = np.argsort(np.asarray(flower).ravel(), kind="stable")
  assert (np.diff(found.ravel()[order].astype(int)) >= 0).all()


@pytest.mark.parametrize("factor", [0.1, 0.7, 1.3, 1.9])
def test_blends_with_grey(picture, factor):
  """ITU-R 601's luma; contrast against its mean, colour against itself."""
  pixels = np.asarray(picture).astype(float)
  luma = pixels @ [0.299, 0.587, 0.114]
  for name, grey in (
    ("Contrast", np.round(luma.mean())),
    ("Color", luma[..., None]),
  ):
    expected = np.clip(grey + factor * (pixels - grey), 0, 255)
    assert np.abs(_apply(name, picture, factor) - expected).max() <= 2, name


def test_color_of_grey_is_grey(flower):
  assert OPERATIONS["Color"](flower, 0.1, None).tobytes() == flower.tobytes()


@pytest.mark.parametrize("kind", ["picture", "flower"])
@pytest.mark.parametrize("factor", [0.1, 0.7, 1.9])
def test_sharpness(kind, factor, request):
  """By hand inside, where a pixel counts five of thirteen; edges stay."""
  picture = request.getfixturevalue(kind)
  pixels = np.asarray(picture).astype(float)
  found = _apply("Sharpness", picture, factor)
  for y, x in ((1, 1), (17, 23), (38, 30)):
    around = pixels[y - 1 : y + 2, x - 1 : x + 2].sum((0, 1))
    smoothed = (around + 4 * pixels[y, x]) / 13
    expected = smoothed + factor * (pixels[y, x] - smoothed)
    assert found[y, x] == pytest.approx(np.clip(expected, 0, 255), abs=2)
  assert (found[0] == pixels[0]).all() and (found[:, -1] == pixels[:, -1]).all()


@pytest.mark.parametrize(
  "name, direct",
  [
    ("AutoContrast", lambda picture, m: ImageOps.autocontrast(picture)),
    ("Equalize", lambda picture, m: ImageOps.equalize(picture)),
    ("Solarize", ImageOps.solarize),
    ("Rotate", lambda picture, m: picture.rotate(m)),
    ("Contrast", lambda p, m: ImageEnhance.Contrast(p).enhance(m)),
    ("Color", lambda p, m: ImageEnhance.Color(p).enhance(m)),
    ("Brightness", lambda p, m: ImageEnhance.Brightness(p).enhance(m)),
    ("Sharpness", lambda p, m: ImageEnhance.Sharpness(p).enhance(m)),
  ],
)
@pytest.mark.parametrize("kind", ["picture", "flower"])
def test_pillows_own_to_the_last_bit(name, direct, kind, request):
  picture = request.getfixturevalue(kind)
  magnitude = MAGNITUDES[name]
  found = OPERATIONS[name](picture, magnitude, None)
  assert found.tobytes() == direct(picture, magnitude).tobytes()


@pytest.mark.parametrize(
  "across, down, rows, columns",
  [
    # 0.2 of the shorter side, 40, are 8 pixels about (25, 20).
    (0.5, 0.5, slice(16, 24), slice(21, 29)),
    # About the corners (0, 0) and (49, 39): what reaches beyond is cut.
    (0.0, 0.0, slice(0, 4), slice(0, 4)),
    (0.999, 0.999, slice(35, 40), slice(45, 50)),
  ],
)
def test_cutout(picture, fixed, across, down, rows, columns):
  expected = np.array(picture)
  expected[rows, columns] = (125, 123, 114)
  found = _apply("Cutout", picture, 0.2, fixed(across, down))
  assert (found == expected).all()


def test_cutout_of_grey_is_its_luma(flower, fixed):
  """0.299 * 125 + 0.587 * 123 + 0.114 * 114 is 122.57."""
  expected = np.array(flower)
  expected[21:27, 13:19] = 123  # 0.2 of 32 is 6.4.
  assert (_apply("Cutout", flower, 0.2, fixed(0.5, 0.5)) == expected).all()
  assert (CUTOUT_RGB, CUTOUT_GREY) == ((125, 123, 114), 123)


def test_cutout_of_nothing(picture, fixed):
  found = _apply("Cutout", picture, 0.0, fixed(0.5, 0.5))
  assert (found == np.asarray(picture)).all()


def test_operations_are_those_of_the_policies():
  names = {
    step.operation
    for policy in ("imagenet", "cifar10", "svhn")
    for steps in load_policy(policy)
    for step in steps
  }
  assert names == set(OPERATIONS) and len(names) == 15
  assert {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"} == SIGNED
