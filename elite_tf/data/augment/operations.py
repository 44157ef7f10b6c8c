"""The fifteen operations of Fast AutoAugment's policies, on Pillow's images.

Each takes a picture (mode RGB or L), a magnitude and a source of chance, and
returns a picture of the same size and mode. Geometry samples the nearest pixel
and is black beyond the edge. A magnitude is in the operation's own unit, which
`data/fast_autoaugment.json` gives the range of.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Operation = Callable[[Image.Image, float, np.random.Generator], Image.Image]

# Grey of a cut-out square: the mean colour of ImageNet.
CUTOUT_RGB = (125, 123, 114)
CUTOUT_GREY = 123  # Its luma.


def _affine(picture: Image.Image, *matrix: float) -> Image.Image:
  return picture.transform(
    picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST
  )


def _shear_x(picture, magnitude, rng):
  """Every row moves by `magnitude` times its distance from the top."""
  return _affine(picture, 1, magnitude, 0, 0, 1, 0)


def _shear_y(picture, magnitude, rng):
  """Every column moves by `magnitude` times its distance from the left."""
  return _affine(picture, 1, 0, 0, magnitude, 1, 0)


def _translate_x(picture, magnitude, rng):
  """Moves by `magnitude` of the width."""
  return _affine(picture, 1, 0, magnitude * picture.width, 0, 1, 0)


def _translate_y(picture, magnitude, rng):
  """Moves by `magnitude` of the height."""
  return _affine(picture, 1, 0, 0, 0, 1, magnitude * picture.height)


def _rotate(picture, magnitude, rng):
  """Turns by `magnitude` degrees about the centre, counter-clockwise."""
  return picture.rotate(magnitude, Image.Resampling.NEAREST)


def _auto_contrast(picture, magnitude, rng):
  """Stretches every channel to 0 to 255."""
  return ImageOps.autocontrast(picture)


def _invert(picture, magnitude, rng):
  """Negative of the picture."""
  return ImageOps.invert(picture)


def _equalize(picture, magnitude, rng):
  """Makes every channel's histogram flat."""
  return ImageOps.equalize(picture)


def _solarize(picture, magnitude, rng):
  """Inverts the pixels at or above `magnitude`."""
  return ImageOps.solarize(picture, magnitude)


def _posterize(picture, magnitude, rng):
  """Keeps the upper `magnitude` bits of every pixel."""
  return ImageOps.posterize(picture, int(magnitude))


def _contrast(picture, magnitude, rng):
  """0 is the picture's mean grey, 1 the picture."""
  # As ImageEnhance.Contrast, whose mean is summed up in Python.
  mean = int(np.asarray(picture.convert("L")).mean() + 0.5)
  grey = Image.new(
    picture.mode, picture.size, (mean,) * len(picture.getbands())
  )
  return Image.blend(grey, picture, magnitude)


def _color(picture, magnitude, rng):
  """0 is the picture in grey, 1 the picture."""
  if picture.mode == "L":
    return picture
  return ImageEnhance.Color(picture).enhance(magnitude)


def _brightness(picture, magnitude, rng):
  """0 is black, 1 the picture."""
  return ImageEnhance.Brightness(picture).enhance(magnitude)


def _sharpness(picture, magnitude, rng):
  """0 is a smoothed picture, 1 the picture."""
  return ImageEnhance.Sharpness(picture).enhance(magnitude)


def _cutout(picture, magnitude, rng):
  """Covers a square with grey, of a side of `magnitude` of the shorter side.

  Its centre lies anywhere in the picture; what reaches beyond is cut.
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

# To the left as often as to the right, up as often as down.
SIGNED = frozenset({"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"})
