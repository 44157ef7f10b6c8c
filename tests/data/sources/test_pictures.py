"""One picture, in every way that cameras and programs store it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from elite_tf.data.sources import pictures, types


@pytest.fixture(autouse=True)
def _pillow():
  with pictures.pillow():
    yield


@pytest.fixture(scope="module")
def photograph(photographs):
  return photographs(1)[0]


def _encoded(image, form="PNG", **options):
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  file = io.BytesIO()
  image.save(file, form, **options)
  return file.getvalue()


def test_png_and_bmp_are_read_to_the_bit(photograph, tmp_path):
  for form in ("PNG", "BMP"):
    data = _encoded(photograph, form)
    assert np.array_equal(pictures.decode(data, 3), photograph)
    # What a file is decides, not how it is called.
    path = tmp_path / "other.jpg"
    path.write_bytes(data)
    assert np.array_equal(pictures.decode(str(path), 3), photograph)


def test_jpeg_is_what_pillow_makes_of_it(photograph):
  data = _encoded(photograph, "JPEG", quality=90)
  expected = np.asarray(Image.open(io.BytesIO(data)))
  assert np.array_equal(pictures.decode(data, 3), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_says_how_the_camera_was_held(photograph, orientation):
  """What is stored, by the table of the EXIF specification."""
  stored = {
    1: photograph,
    2: photograph[:, ::-1],
    3: photograph[::-1, ::-1],
    4: photograph[::-1],
    5: photograph.transpose(1, 0, 2),
    6: np.rot90(photograph, 1),
    7: photograph.transpose(1, 0, 2)[::-1, ::-1],
    8: np.rot90(photograph, -1),
  }[orientation]
  exif = Image.Exif()
  exif[0x0112] = orientation
  data = _encoded(np.ascontiguousarray(stored), exif=exif)
  assert np.array_equal(pictures.decode(data, 3), photograph)


def test_damaged_exif_says_nothing(photograph):
  data = _encoded(photograph, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
  assert np.array_equal(pictures.decode(data, 3), photograph)


def test_grey_as_colour_and_colour_as_grey(photograph):
  grey = np.asarray(Image.fromarray(photograph).convert("L"))
  found = pictures.decode(_encoded(grey), 3)
  assert np.array_equal(found, np.repeat(grey[..., None], 3, axis=2))
  assert np.array_equal(pictures.decode(_encoded(grey), 1)[..., 0], grey)
  assert np.array_equal(pictures.decode(_encoded(photograph), 1)[..., 0], grey)


def test_sixteen_bits_of_grey():
  values = np.array([[0, 128, 129], [257, 25700, 65535]], np.uint16)
  data = _encoded(values)
  assert Image.open(io.BytesIO(data)).mode.startswith("I")
  # Divided by 257, rounded: white stays white.
  assert pictures.decode(data, 1).ravel().tolist() == [0, 0, 1, 1, 100, 255]
  assert pictures.decode(data, 3)[1, 1].tolist() == [100, 100, 100]
  assert pictures.header(data) == (2, 3, True)


def test_one_bit():
  image = Image.new("1", (3, 1))
  image.putpixel((1, 0), 1)
  assert pictures.decode(_encoded(image), 1).ravel().tolist() == [0, 255, 0]


def test_palette():
  image = Image.new("P", (2, 1))
  image.putpalette([10, 20, 30, 200, 100, 50])
  image.putpixel((1, 0), 1)
  found = pictures.decode(_encoded(image), 3)
  assert found.tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_transparency_is_white():
  pixels = np.array([[[9, 9, 9, 0], [200, 100, 0, 255], [0, 0, 0, 51]]])
  found = pictures.decode(_encoded(pixels.astype(np.uint8)), 3)
  # A fifth of black over white is 204.
  assert found.tolist() == [[[255] * 3, [200, 100, 0], [204] * 3]]
  grey = np.array([[[0, 0], [0, 255]]], np.uint8)
  found = pictures.decode(_encoded(Image.fromarray(grey, "LA")), 1)
  assert found.ravel().tolist() == [255, 0]


def test_transparent_colour_of_a_palette():
  image = Image.new("P", (2, 1))
  image.putpalette([10, 20, 30, 200, 100, 50])
  image.putpixel((1, 0), 1)
  found = pictures.decode(_encoded(image, transparency=b"\0\xff"), 3)
  assert found.tolist() == [[[255, 255, 255], [200, 100, 50]]]


def test_cmyk_jpeg(photograph):
  image = Image.fromarray(photograph).convert("CMYK")
  found = pictures.decode(_encoded(image, "JPEG", quality=95), 3)
  # Not inverted: within what JPEG loses.
  difference = np.abs(found.astype(int) - photograph)
  assert found.shape == photograph.shape and difference.mean() < 6


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_short_side_is_shrunk_to_the_store_s(form, photographs):
  source = np.asarray(Image.fromarray(photographs(2)[1]).resize((300, 200)))
  found = pictures.decode(_encoded(source, form), 3, 64)
  assert found.shape == (64, 96, 3)
  expected = Image.fromarray(source).resize((96, 64), Image.Resampling.BICUBIC)
  difference = np.abs(found.astype(int) - np.asarray(expected))
  assert difference.mean() < 3


def test_nothing_is_enlarged(photograph):
  height, width, _ = photograph.shape
  found = pictures.decode(_encoded(photograph), 3, 500)
  assert found.shape == (height, width, 3)


def test_one_pixel():
  found = pictures.decode(_encoded(np.full((1, 1), 7, np.uint8)), 3, 96)
  assert found.tolist() == [[[7, 7, 7]]]


def test_of_what_is_longer_than_four_to_one_the_middle():
  wide = (np.arange(20_000) // 100).astype(np.uint8)[None].repeat(40, axis=0)
  found = pictures.decode(_encoded(wide), 1, 96)[..., 0]
  assert np.array_equal(found, wide[:, 9_920:10_080])
  tall = np.ascontiguousarray(wide.T)
  found = pictures.decode(_encoded(tall), 1, 96)[..., 0]
  assert np.array_equal(found, tall[9_920:10_080])


def test_a_panorama_beyond_pillow_s_own_limit():
  image = Image.new("1", (20_000, 9_000), 1)
  assert pictures.decode(_encoded(image, "BMP"), 1, 64).shape == (64, 142, 1)


def test_pillow_s_limit_is_given_back():
  limits = []
  with pictures.pillow():
    limits.append(Image.MAX_IMAGE_PIXELS)
  assert limits == [None]


def _png(width, height):
  """A PNG that claims a size, by the specification, without its pixels."""

  def chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

  header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
  pixels = zlib.compress(bytes(1000))
  return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


@pytest.mark.parametrize(
  "data, reason",
  [
    (b"", "no JPEG, PNG or BMP"),
    (b"this is a text\n", "no JPEG, PNG or BMP"),
    (b"GIF89a\1\0\1\0\0\0\0;", "no JPEG, PNG or BMP"),
    (_png(60_000, 60_000), "60000 x 60000 pixels are too many"),
    (_png(100, 100), ""),
  ],
)
def test_what_is_no_picture_is_broken(data, reason):
  with pytest.raises(pictures.Broken) as caught:
    pictures.decode(data, 3, 64)
  assert reason in str(caught.value) and str(caught.value)
  assert str(caught.value) == " ".join(str(caught.value).split())


def test_half_a_jpeg_is_broken(photograph):
  data = _encoded(photograph, "JPEG")
  with pytest.raises(pictures.Broken):
    pictures.decode(data[: len(data) // 2], 3, 64)


def test_missing_file_is_broken(tmp_path):
  with pytest.raises(pictures.Broken, match="No such file"):
    pictures.decode(str(tmp_path / "none.jpg"), 3)


@pytest.mark.parametrize(
  "height, width, side, expected",
  [
    (300, 400, 0, 300 * 400 * 3),
    (300, 400, 96, 96 * 128 * 3),
    (50, 60, 96, 50 * 60 * 3),
    (10, 1000, 0, 10 * 40 * 3),
  ],
)
def test_typical_bytes(height, width, side, expected):
  description = types.Description("a", 2, 3, height, width, ("a", "b"), 9)
  assert pictures.typical_bytes(description, side) == expected
