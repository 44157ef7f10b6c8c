"""Pixels to network input, against Pillow itself and sums done by hand."""

import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from elite_tf.data import preprocess
from elite_tf.data.crop import central_square
from elite_tf.errors import ConfigError


def _noise(*shape):
  return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _complaint(function, *arguments):
  with pytest.raises(ConfigError) as caught:
    function(*arguments)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
@pytest.mark.parametrize(
  "height, width, box",
  [
    (9, 9, (0, 0, 9, 9)),
    # left, top, right, bottom: the central square.
    (9, 13, (2, 0, 11, 9)),
    (14, 9, (0, 2, 9, 11)),  # 2 rows go above, 3 below.
    (1, 5, (2, 0, 3, 1)),
  ],
)
@pytest.mark.parametrize("resolution", [1, 4, 9, 32])
def test_resize_is_pillows(channels, mode, height, width, box, resolution):
  images = _noise(3, height, width, channels)
  resized = preprocess.resize(images, resolution)
  assert resized.dtype == np.uint8
  assert resized.shape == (3, resolution, resolution, channels)
  for image, result in zip(images, resized):
    picture = Image.frombytes(mode, (width, height), image.tobytes())
    expected = picture.crop(box).resize((resolution, resolution), Image.BICUBIC)
    assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
  "height, width, resolution, box",
  [
    # By hand: 7/8 of the short side, halves up; left, top, right, bottom.
    (256, 256, 224, (16, 16, 240, 240)),  # 224
    (256, 256, 96, (16, 16, 240, 240)),  # The same part at every input size.
    (375, 500, 96, (86, 23, 414, 351)),  # 328.125
    (500, 375, 96, (23, 86, 351, 414)),
    (72, 100, 32, (18, 4, 81, 67)),  # 63
    (68, 68, 32, (4, 4, 64, 64)),  # 59.5
    (64, 64, 64, (4, 4, 60, 60)),  # 56
    (1, 1, 8, (0, 0, 1, 1)),
  ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_crop_of_photographs(height, width, resolution, box, channels):
  images = _noise(2, height, width, channels)
  resized = preprocess.resize(images, resolution, crop=True)
  for image, result in zip(images, resized):
    picture = Image.fromarray(image.squeeze(-1) if channels == 1 else image)
    expected = picture.crop(box).resize((resolution, resolution), Image.BICUBIC)
    assert result.tobytes() == expected.tobytes()
  left, top, right, bottom = box
  found = central_square(height, width, True)
  assert found == (top, left, right - left) and right - left == bottom - top


def test_pictures_of_different_sizes():
  pictures = [_noise(*shape, 3) for shape in ((9, 13), (30, 8), (6, 6))]
  for crop in (False, True):
    found = preprocess.resize(pictures, 6, crop)
    assert found.shape == (3, 6, 6, 3) and found.dtype == np.uint8
    for picture, result in zip(pictures, found):
      assert (preprocess.resize(picture[None], 6, crop)[0] == result).all()
    scaled = preprocess.preprocess(pictures, 6, crop)
    assert (scaled == preprocess.scale(found)).all()


def test_pictures_must_be_pictures():
  good = _noise(9, 13, 3)
  for bad, received in (
    (good.astype(float), "float64 of shape (9, 13, 3)"),
    (good[..., :1], "uint8 of shape (9, 13, 1)"),
    (good[:0], "uint8 of shape (0, 13, 3)"),
    (good[..., 0], "uint8 of shape (9, 13)"),
    (None, "NoneType"),
  ):
    line = _complaint(preprocess.resize, [good, bad], 6)
    assert line.endswith(f"Received: {received}")


@pytest.mark.parametrize("crop, eighths", [(False, 8), (True, 7)])
def test_description_suffices_to_make_an_input(crop, eighths):
  """An input made from nothing but what the description says."""
  said = preprocess.describe(24, crop)
  image = _noise(50, 60, 3)
  size = said["resolution"]
  side = math.floor(50 * said["crop_eighths"] / 8 + 0.5)
  top, left = (50 - side) // 2, (60 - side) // 2
  picture = Image.fromarray(image).crop((left, top, left + side, top + side))
  picture = picture.resize(
    (size, size), Image.Resampling[said["filter"].upper()]
  )
  expected = (np.array(picture, float) - said["pixel_zero"]) * said[
    "pixel_scale"
  ]
  found = preprocess.preprocess(image[None], 24, crop)[0]
  assert said["crop"] is crop and said["crop_eighths"] == eighths
  assert (found == expected).all()


def test_resize_is_bicubic_with_antialiasing():
  """One bright pixel in 16, made 4: by hand, from the filter's formula.

  Pillow's bicubic has a = -0.5, and its kernel is four times wider here. Each
  of the two passes rounds to whole pixels.
  """

  def kernel(x):
    x = abs(x)
    if x < 1:
      return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0

  image = np.zeros((1, 16, 16, 1), np.uint8)
  image[0, 9, 6, 0] = 255

  def weight(target, source):
    taps = [kernel((i + 0.5 - (target + 0.5) * 4) / 4) for i in range(16)]
    return taps[source] / math.fsum(taps)

  def pixel(value):
    return min(max(math.floor(value + 0.5), 0), 255)

  expected = [
    [
      pixel(pixel(255 * weight(column, 6)) * weight(row, 9))
      for column in range(4)
    ]
    for row in range(4)
  ]
  assert sum(map(sum, expected)) > 0
  assert preprocess.resize(image, 4)[0, ..., 0].tolist() == expected


def test_resize_of_no_images():
  empty = np.zeros((0, 5, 7, 3), np.uint8)
  assert preprocess.resize(empty, 4).shape == (0, 4, 4, 3)
  assert preprocess.preprocess(empty, 4).shape == (0, 4, 4, 3)


def test_resize_to_the_size_there_is():
  images = _noise(2, 6, 6, 3)
  assert preprocess.resize(images, 6) is images


def test_resize_leaves_its_input_alone():
  images = _noise(2, 5, 8, 3)
  before = images.copy()
  images.flags.writeable = False
  preprocess.preprocess(images, 4)
  assert np.array_equal(images, before)


def test_resize_takes_any_layout_in_memory():
  images = _noise(3, 4, 7, 3)
  turned = np.asfortranarray(images)
  assert np.array_equal(
    preprocess.resize(turned, 9), preprocess.resize(images, 9)
  )
  assert np.array_equal(
    preprocess.resize(images[:, :, ::-1], 4)[0],
    np.array(Image.fromarray(images[0, :, ::-1].copy()[:, 1:5])),
  )


def test_scale_of_every_pixel():
  pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
  scaled = preprocess.scale(pixels)
  assert scaled.dtype == np.float32
  assert scaled.ravel().tolist() == [(x - 128) / 128 for x in range(256)]
  assert (scaled.min(), scaled.max()) == (-1, 127 / 128)


def test_preprocess_is_both():
  images = _noise(2, 28, 20, 3)
  square = Image.fromarray(images[1, 4:24]).resize((8, 8), Image.BICUBIC)
  expected = (np.array(square).astype(float) - 128) / 128
  assert preprocess.preprocess(images, 8)[1].tolist() == expected.tolist()


def test_int8_input_is_pixel_minus_128():
  pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
  scaled = preprocess.scale(pixels)
  codes = preprocess.quantize_input(scaled, 1 / 128, 0)
  assert codes.dtype == np.int8
  assert codes.ravel().tolist() == [x - 128 for x in range(256)]
  # An input tensor calibrated on images without white: some codes are cut.
  codes = preprocess.quantize_input(scaled, 1 / 128, 1)
  assert codes.ravel().tolist() == [min(x - 127, 127) for x in range(256)]


@pytest.mark.parametrize(
  "value, scale, zero_point, dtype, code",
  [
    (0.0, 0.5, 3, "int8", 3),
    (1.0, 0.5, 3, "int8", 5),
    (0.25, 0.5, 0, "int8", 1),  # A half: away from zero.
    (-0.25, 0.5, 0, "int8", -1),
    (0.75, 0.5, 0, "int8", 2),
    (-0.75, 0.5, 10, "int8", 8),
    (0.2, 0.5, 0, "int8", 0),
    # The float32 below a half: adding a half in float32 would make it 1.
    (0.49999997, 1.0, 0, "int8", 0),
    (100.0, 0.5, 0, "int8", 127),
    (-100.0, 0.5, 0, "int8", -128),
    (float("inf"), 0.5, 0, "int8", 127),
    (1e30, 1e-30, 0, "int8", 127),
    (-1.0, 1 / 128, 128, "uint8", 0),
    (127 / 128, 1 / 128, 128, "uint8", 255),
    (0.5, 1 / 32768, 0, "int16", 16384),
    (1.0, 1 / 32768, 0, "int16", 32767),
  ],
)
def test_quantize(value, scale, zero_point, dtype, code):
  images = np.full((1, 2, 2, 1), value, np.float32)
  codes = preprocess.quantize_input(images, scale, zero_point, dtype)
  assert codes.dtype == np.dtype(dtype) and codes.shape == images.shape
  assert codes.ravel().tolist() == [code] * 4


def test_quantize_takes_what_a_tensor_says():
  images = np.array([0.3], np.float32)
  scale, zero_point = np.float32(0.1), np.int32(-5)
  assert preprocess.quantize_input(images, scale, zero_point, np.int8) == [-2]


@pytest.mark.parametrize(
  "arguments, wanted",
  [
    (([1.0], 0.5, 0), "Received: list"),
    ((np.zeros(3), 0.5, 0), "Received: float64 of shape (3,)"),
    ((np.zeros(3, "u1"), 0.5, 0), "Received: uint8 of shape (3,)"),
    ((np.full(3, np.nan, "f4"), 0.5, 0), "Received: NaN"),
    ((np.zeros(3, "f4"), 0.0, 0), "Received: scale=0.0"),
    ((np.zeros(3, "f4"), -0.5, 0), "Received: scale=-0.5"),
    ((np.zeros(3, "f4"), np.nan, 0), "Received: scale=nan"),
    ((np.zeros(3, "f4"), 0.5, 128), "Received: zero_point=128"),
    ((np.zeros(3, "f4"), 0.5, -1, "uint8"), "Received: zero_point=-1"),
    ((np.zeros(3, "f4"), 0.5, 0, "f4"), "Received: dtype=float32"),
    ((np.zeros(3, "f4"), 0.5, 0, "i8"), "Received: dtype=int64"),
  ],
)
def test_quantize_refuses(arguments, wanted):
  assert _complaint(preprocess.quantize_input, *arguments).endswith(wanted)


@pytest.mark.parametrize(
  "images, received",
  [
    (np.zeros((2, 4, 4, 1)), "float64 of shape (2, 4, 4, 1)"),
    (np.zeros((2, 4, 4, 1), "i1"), "int8 of shape (2, 4, 4, 1)"),
    (np.zeros((4, 4, 1), "u1"), "uint8 of shape (4, 4, 1)"),
    (np.zeros((2, 4, 4), "u1"), "uint8 of shape (2, 4, 4)"),
    (np.zeros((2, 4, 4, 2), "u1"), "uint8 of shape (2, 4, 4, 2)"),
    (np.zeros((2, 4, 4, 4), "u1"), "uint8 of shape (2, 4, 4, 4)"),
    (np.zeros((2, 0, 4, 3), "u1"), "uint8 of shape (2, 0, 4, 3)"),
    ([[1, 2]], "list"),
    (None, "NoneType"),
  ],
)
def test_images_must_be_images(images, received):
  for function, *arguments in (
    (preprocess.resize, images, 4),
    (preprocess.scale, images),
    (preprocess.preprocess, images, 4),
  ):
    line = _complaint(function, *arguments)
    assert line.endswith(f"Received: {received}")


@pytest.mark.parametrize("resolution", [0, -3, 2.0, "8", None])
def test_resolution_must_be_pixels(resolution):
  line = _complaint(preprocess.resize, _noise(1, 4, 4, 1), resolution)
  assert line.endswith(f"Received: resolution={resolution!r}")


def test_needs_numpy_and_pillow_alone():
  code = (
    "import sys; import elite_tf.data.preprocess;"
    "print(*sorted({'tensorflow', 'keras', 'sklearn', 'scipy', 'absl'}"
    " & set(sys.modules)))"
  )
  result = subprocess.run(
    [
      sys.executable,
      "-c",
      f"import sys; sys.path[:0] = {sys.path!r}; {code}",
    ],
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout.strip() == ""


@pytest.mark.parametrize("crop", [False, True])
def test_images_resized_where_they_are_read(crop):
  random = np.random.default_rng(3)
  pictures = [
    random.integers(0, 256, (height, 90, 3), np.uint8)
    for height in (70, 80, 120, 64)
  ]
  lazy = preprocess.Resized(pictures, 24, crop)
  assert lazy.shape == (4, 24, 24, 3) and len(lazy) == 4
  whole = preprocess.resize(pictures, 24, crop)
  for part in (slice(None), slice(1, 3), slice(3, 9)):
    assert np.array_equal(lazy[part], whole[part])
