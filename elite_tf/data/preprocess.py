"""From stored pixels to the input of a network.

Training, validation, calibration and verification all use this file, and the
firmware does the same in C. No other file decides what a pixel becomes.
"""

import operator
import typing
from collections.abc import Sequence

import numpy as np
from PIL import Image

from elite_tf.data.crop import CROP_EIGHTHS, central_square
from elite_tf.errors import ConfigError

if typing.TYPE_CHECKING:
  from elite_tf.data.sources.types import Description

# A network's input is (pixel - PIXEL_ZERO) * PIXEL_SCALE, from -1 to 127/128.
# The scale is a power of two, so that an int8 input tensor of scale 1/128 and
# zero point 0 holds exactly pixel - 128, and float32 holds every value exactly.
PIXEL_ZERO = 128
PIXEL_SCALE = 1 / 128


def crops(description: "Description") -> bool:
  """Returns whether evaluation crops a data set's images: photographs only.

  In smaller images every pixel counts.
  """
  return description.photographs


def to_picture(image: np.ndarray) -> Image.Image:
  """Returns an image, uint8, (height, width, 1 or 3), as a Pillow image."""
  # Pillow takes grey images without the axis of channels.
  return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def resize(
  images: np.ndarray | Sequence[np.ndarray],
  resolution: int,
  crop: bool = False,
) -> np.ndarray:
  """Cuts the central square out of each image and resizes it.

  The filter is Pillow's bicubic, whose kernel is wider where images become
  smaller, so that no pixel is skipped.

  Args:
    images: uint8, (n, height, width, channels), 1 or 3 channels, n may be 0; or
      a sequence of at least one (height, width, channels), of any sizes.
    resolution: Height and width of the result, in pixels.
    crop: As in `elite_tf.data.crop.central_square`.

  Returns:
    uint8, (n, resolution, resolution, channels); `images` itself if it has that
    size already.

  Raises:
    ConfigError: An argument is not as described.
  """
  size = _checked_resolution(resolution)
  whole = isinstance(images, np.ndarray)
  if whole or not _is_sequence(images):
    _check_images(images)
  if whole and images.shape[1:3] == (size, size) and not crop:
    return images
  channels = (images if whole else images[0]).shape[-1]
  resized = np.empty((len(images), size, size, channels), np.uint8)
  # One at a time: with images this small threads gain nothing, because the
  # filter, which runs without the interpreter's lock, takes little of the time.
  for number, target in enumerate(resized):
    image = images[number]
    if not whole:
      _check_image(image, channels)
    target[...] = _resized(image, size, crop)
  return resized


def _resized(image: np.ndarray, size: int, crop: bool) -> np.ndarray:
  top, left, side = central_square(*image.shape[:2], crop)
  square = image[top : top + side, left : left + side]
  if side == size:
    return square
  picture = to_picture(square).resize((size, size), Image.Resampling.BICUBIC)
  return np.asarray(picture).reshape(size, size, -1)


class Resized:
  """Images at a network's resolution, resized when they are read.

  `images[start:stop]` is `resize` of those images, as is `images[indices]`. Memory does not grow with
  the number of images.

  Attributes:
    shape: (n, resolution, resolution, channels).
    dtype: uint8.
  """

  dtype = np.dtype(np.uint8)

  def __init__(
    self,
    images: np.ndarray | Sequence[np.ndarray],
    resolution: int,
    crop: bool = False,
  ):
    """Keeps the images; the arguments are those of `resize`."""
    self._arguments = (_checked_resolution(resolution), crop)
    self._images = images
    channels = images[0].shape[-1]
    self.shape = (len(images), resolution, resolution, channels)

  def __len__(self) -> int:
    """Returns the number of images."""
    return self.shape[0]

  def __getitem__(self, part: "slice | np.ndarray") -> "np.ndarray":
    """Returns some of the images, by a slice or by indices."""
    return resize(self._images[part], *self._arguments)


def scale(images: np.ndarray) -> np.ndarray:
  """Maps pixels to the range of a network's input.

  Args:
    images: uint8, (n, height, width, channels), 1 or 3 channels.

  Returns:
    float32, of the same shape, from -1 to 127/128.

  Raises:
    ConfigError: The images are not as described.
  """
  _check_images(images)
  scaled = images.astype(np.float32)
  # In place: a copy of 60,000 images takes a gigabyte or more.
  scaled -= PIXEL_ZERO
  scaled *= PIXEL_SCALE
  return scaled


def preprocess(
  images: np.ndarray | Sequence[np.ndarray],
  resolution: int,
  crop: bool = False,
) -> np.ndarray:
  """Makes a network's input from images as stored: `resize`, then `scale`.

  Args:
    images: As in `resize`.
    resolution: Height and width of the network's input, in pixels.
    crop: As in `elite_tf.data.crop.central_square`.

  Returns:
    float32, (n, resolution, resolution, channels), from -1 to 127/128.

  Raises:
    ConfigError: An argument is not as described.
  """
  return scale(resize(images, resolution, crop))


def describe(resolution: int, crop: bool) -> dict:
  """Returns the preprocessing as JSON, so that firmware can do the same.

  The steps are: cut out the central square, whose side is the shorter side
  times crop_eighths / 8, to the nearest pixel; resize it to `resolution`;
  compute (pixel - pixel_zero) * pixel_scale.

  Returns:
    {"resolution", "crop", "crop_eighths", "filter", "pixel_zero",
    "pixel_scale"}, sizes in pixels.
  """
  return {
    "resolution": resolution,
    "crop": crop,
    "crop_eighths": CROP_EIGHTHS if crop else 8,
    "filter": "bicubic",
    "pixel_zero": PIXEL_ZERO,
    "pixel_scale": PIXEL_SCALE,
  }


def quantize_input(
  images: np.ndarray,
  scale: float,
  zero_point: int,
  dtype: type[np.integer] | np.dtype | str = np.int8,
) -> np.ndarray:
  """Quantizes a network's input as TensorFlow Lite does.

  Args:
    images: float32, of any shape.
    scale: Scale of the input tensor, above 0, as read from the .tflite file.
    zero_point: Zero point of the input tensor, as read from the .tflite file.
    dtype: Type of the input tensor: int8, uint8, int16 or uint16.

  Returns:
    `dtype`, of the same shape: round(images / scale) + zero_point, halves away
    from zero, clipped to the range of `dtype`.

  Raises:
    ConfigError: An argument is not as described.
  """
  dtype = np.dtype(dtype)
  if dtype.kind not in "iu" or dtype.itemsize > 2:
    raise ConfigError(
      "An input tensor can be quantized to int8, uint8, int16 or uint16."
      f" Received: dtype={dtype}"
    )
  limits = np.iinfo(dtype)
  if not (np.isfinite(scale) and scale > 0):
    # TensorFlow Lite says 0 where a tensor is not quantized.
    raise ConfigError(
      f"The scale of an input tensor must be above 0. Received: scale={scale}"
    )
  if not limits.min <= zero_point <= limits.max:
    raise ConfigError(
      f"The zero point of an input tensor must be one of {dtype}."
      f" Received: zero_point={zero_point}"
    )
  if not isinstance(images, np.ndarray) or images.dtype != np.float32:
    raise ConfigError(
      f"A network's input must be a float32 array. Received: {_form(images)}"
    )
  if np.isnan(images).any():
    raise ConfigError("A network's input must be numbers. Received: NaN")
  # The division is in float32, as in the interpreter and the firmware. The
  # rounding is in float64, where adding a half is exact.
  with np.errstate(over="ignore"):
    steps = (images / np.float32(scale)).astype(np.float64)
  rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
  return np.clip(rounded + zero_point, limits.min, limits.max).astype(dtype)


def _form(images: object) -> str:
  if not isinstance(images, np.ndarray):
    return type(images).__name__
  return f"{images.dtype} of shape {images.shape}"


def _is_sequence(images: object) -> bool:
  """Whether this is one or more images of (height, width, channels)."""
  try:
    return len(images) > 0 and np.ndim(images[0]) == 3
  except (TypeError, KeyError):
    return False


def _check_image(image: np.ndarray, channels: int) -> None:
  if (
    not isinstance(image, np.ndarray)
    or image.dtype != np.uint8
    or image.ndim != 3
    or image.shape[2] != channels
    or channels not in (1, 3)
    or 0 in image.shape
  ):
    raise ConfigError(
      "Each image must be uint8 of shape (height, width, channels) with 1 or"
      f" 3 channels, all alike. Received: {_form(image)}"
    )


def _check_images(images: np.ndarray) -> None:
  if (
    not isinstance(images, np.ndarray)
    or images.dtype != np.uint8
    or images.ndim != 4
    or images.shape[3] not in (1, 3)
    or 0 in images.shape[1:]
  ):
    raise ConfigError(
      "Images must be uint8 of shape (n, height, width, channels) with 1 or"
      f" 3 channels. Received: {_form(images)}"
    )


def _checked_resolution(resolution: int) -> int:
  try:
    size = operator.index(resolution)
  except TypeError:
    size = 0
  if size < 1:
    raise ConfigError(
      "A resolution must be a whole number of pixels, 1 or more."
      f" Received: resolution={resolution!r}"
    )
  return size
