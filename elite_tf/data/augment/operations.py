"""The fifteen operations of Fast AutoAugment's policies, on Pillow images.

Each takes an image (mode RGB or L), a magnitude and a random generator, and
returns an image of the same size and mode. Geometric operations sample the
nearest pixel and are black beyond the edge. Each operation has its own unit of
magnitude; `fast_autoaugment.json` holds the ranges.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Operation = Callable[[Image.Image, float, np.random.Generator], Image.Image]

# Colour of a cut-out square: the mean of ImageNet.
CUTOUT_RGB = (125, 123, 114)
CUTOUT_GREY = 123  # The luma of that colour.


def _affine(picture: Image.Image, *matrix: float) -> Image.Image:
  return picture.transform(
    picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST
  )


def _shear_x(picture, magnitude, rng):
  """Moves each row by `magnitude` times its distance from the top."""
  return _affine(picture, 1, magnitude, 0, 0, 1, 0)


def _shear_y(picture, magnitude, rng):
  """Moves each column by `magnitude` times its distance from the left."""
  return _affine(picture, 1, 0, 0, magnitude, 1, 0)


def _translate_x(picture, magnitude, rng):
  """Moves by `magnitude` of the width."""
  return _affine(picture, 1, 0, magnitude * picture.width, 0, 1, 0)


def _translate_y(picture, magnitude, rng):
  """Moves by `magnitude` of the height."""
  return _affine(picture, 1, 0, 0, 0, 1, magnitude * picture.height)


def _rotate(picture, magnitude, rng):
  """Rotates by `magnitude` degrees about the centre, counter-clockwise."""
  return picture.rotate(magnitude, Image.Resampling.NEAREST)


def _auto_contrast(picture, magnitude, rng):
  """Stretches each channel to the range 0 to 255."""
  return ImageOps.autocontrast(picture)


def _invert(picture, magnitude, rng):
  """Inverts every pixel."""
  return ImageOps.invert(picture)


def _equalize(picture, magnitude, rng):
  """Equalizes the histogram of each channel."""
  return ImageOps.equalize(picture)


def _solarize(picture, magnitude, rng):
  """Inverts the pixels at or above `magnitude`."""
  return ImageOps.solarize(picture, magnitude)


def _posterize(picture, magnitude, rng):
  """Keeps the upper `magnitude` bits of each pixel."""
  return ImageOps.posterize(picture, int(magnitude))


def _contrast(picture, magnitude, rng):
  """Blends: 0 is the mean grey of the image, 1 is the image."""
  # Like ImageEnhance.Contrast, which computes the mean slowly in Python.
  mean = int(np.asarray(picture.convert("L")).mean() + 0.5)
  grey = Image.new(
    picture.mode, picture.size, (mean,) * len(picture.getbands())
  )
  return Image.blend(grey, picture, magnitude)


def _color(picture, magnitude, rng):
  """Blends: 0 is the image in grey, 1 is the image."""
  if picture.mode == "L":
    return picture
  return ImageEnhance.Color(picture).enhance(magnitude)


def _brightness(picture, magnitude, rng):
  """Blends: 0 is black, 1 is the image."""
  return ImageEnhance.Brightness(picture).enhance(magnitude)


def _sharpness(picture, magnitude, rng):
  """Blends: 0 is the smoothed image, 1 is the image."""
  return ImageEnhance.Sharpness(picture).enhance(magnitude)


def _cutout(picture, magnitude, rng):
  """Covers a square with grey; its side is `magnitude` times the shorter side.

  The centre is drawn from the whole image; a part outside the image is cut off.
  """
  side = round(magnitude * min(picture.size))
  left = int(rng.random() * picture.width) - side // 2
  top = int(rng.random() * picture.height) - side // 2
  covered = picture.copy()
  covered.paste(
    CUTOUT_GREY if picture.mode == "L" else CUTOUT_RGB,
    (left, top, left + side, top + side),
  )
  return covered


OPERATIONS: dict[str, Operation] = {
  "ShearX": _shear_x,
  "ShearY": _shear_y,
  "TranslateX": _translate_x,
  "TranslateY": _translate_y,
  "Rotate": _rotate,
  "AutoContrast": _auto_contrast,
  "Invert": _invert,
  "Equalize": _equalize,
  "Solarize": _solarize,
  "Posterize": _posterize,
  "Contrast": _contrast,
  "Color": _color,
  "Brightness": _brightness,
  "Sharpness": _sharpness,
  "Cutout": _cutout,
}

# Operations whose magnitude gets a random sign.
SIGNED = frozenset({"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"})
