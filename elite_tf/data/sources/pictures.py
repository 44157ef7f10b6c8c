"""One picture: from a file as cameras and programs write it to its pixels.

JPEG, PNG and BMP, whatever the name says; turned as EXIF has it; transparency
on white; CMYK as RGB; 16-bit grey divided by 257, so that white stays white.
Colour profiles are not applied.
"""

import contextlib
import io
import threading
import typing
import warnings
from collections.abc import Iterator

from elite_tf.data.sources.types import Description
from elite_tf.system.text import one_line

if typing.TYPE_CHECKING:
  import numpy as np
  from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP")

# A square of 20,000 pixels, 1.6 GB as RGB while it is decoded. What claims to
# be larger is a bomb or a mistake.
MOST_PIXELS = 20_000 * 20_000

# From here on (64 MB as RGB) pictures are decoded one at a time.
LARGE_PIXELS = 16_000_000

# Of what is longer, the middle: the rest of a panorama would be shrunk away.
LONGEST_ASPECT = 4

_LARGE = threading.Lock()


class Broken(Exception):
  """A picture that cannot be decoded; says why."""


@contextlib.contextmanager
def pillow() -> Iterator[None]:
  """Has Pillow leave the limit of pixels and the warnings to this module.

  Both are of the whole process: to be entered once around many pictures.
  """
  from PIL import Image  # A tenth of a second, and most commands need none.

  limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
  try:
    with warnings.catch_warnings():
      warnings.filterwarnings("ignore", module=r"PIL\.")
      yield
  finally:
    Image.MAX_IMAGE_PIXELS = limit


def header(source: str | bytes) -> tuple[int, int, bool]:
  """Reads what a picture says of itself.

  Args:
    source: Its path, or its encoded bytes.

  Returns:
    (height, width, whether it is grey), as stored.

  Raises:
    Broken: It is no picture.
  """
  with _opened(source) as image:
    return image.height, image.width, _is_grey(image.mode)


def decode(source: str | bytes, channels: int, side: int = 0) -> "np.ndarray":
  """Decodes a picture.

  Args:
    source: Its path, or its encoded bytes.
    channels: 1 (grey) or 3 (RGB).
    side: Short side to shrink it to, in pixels; 0, or a picture that is
      smaller, leaves it as it is.

  Returns:
    uint8, (height, width, channels); no longer than 4 to 1, by its middle.

  Raises:
    Broken: It cannot be decoded.
  """
  import numpy as np

  with _opened(source) as image:
    large = image.width * image.height > LARGE_PIXELS
    with _LARGE if large else contextlib.nullcontext():
      if side:
        # JPEG is decoded at a half, a quarter or an eighth at almost no cost.
        scale = 2 * side / min(image.size)
        image.draft(image.mode, tuple(int(scale * s) + 1 for s in image.size))
      image.load()
      pixels = np.asarray(_shrunk(_modes(_turned(image), channels), side))
  return pixels.reshape(*pixels.shape[:2], channels)


def typical_bytes(description: Description, side: int) -> int:
  """Returns what a picture of typical size takes decoded, in bytes.

  Args:
    description: Of the data set.
    side: As `decode` has it.
  """
  short, long = sorted((description.height, description.width))
  stored = min(short, side) if side else short
  long = -(-min(long, LONGEST_ASPECT * short) * stored // short)
  return stored * long * description.channels


@contextlib.contextmanager
def _opened(source: str | bytes) -> "Iterator[Image.Image]":
  """Opens a picture; whatever is wrong with it, now or later, is `Broken`."""
  from PIL import Image, UnidentifiedImageError

  try:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with Image.open(file, formats=FORMATS) as image:
      if image.width * image.height > MOST_PIXELS:
        raise Broken(f"{image.width} x {image.height} pixels are too many")
      yield image
  except Broken:
    raise
  except OSError as error:
    if isinstance(error, UnidentifiedImageError):
      raise Broken("no JPEG, PNG or BMP") from error
    # Pillow names an object in memory at the end of some texts.
    raise Broken(one_line(error).partition(" <_io")[0]) from error
  except Exception as error:
    # What damaged bytes make Pillow raise is of many types.
    raise Broken(one_line(error)) from error


def _is_grey(mode: str) -> bool:
  return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def _turned(image: "Image.Image") -> "Image.Image":
  """Returns the picture as it was held; damaged EXIF data say nothing."""
  from PIL import ImageOps

  with contextlib.suppress(Exception):
    ImageOps.exif_transpose(image, in_place=True)
  return image


def _modes(image: "Image.Image", channels: int) -> "Image.Image":
  """Returns the picture as grey or RGB, whatever it was stored as."""
  import numpy as np
  from PIL import Image

  wanted = "L" if channels == 1 else "RGB"
  if image.mode.startswith("I") or image.mode == "F":
    # Pillow's own conversion cuts off at 255.
    values = np.asarray(image).astype(np.float32)
    values = np.clip(np.rint(values / 257), 0, 255)
    return Image.fromarray(values.astype(np.uint8)).convert(wanted)
  if image.has_transparency_data:
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert(wanted)
  return image if image.mode == wanted else image.convert(wanted)


def _shrunk(image: "Image.Image", side: int) -> "Image.Image":
  """Cuts a picture to 4 to 1 and shrinks its short side to `side`."""
  from PIL import Image

  short = min(image.size)
  if max(image.size) > LONGEST_ASPECT * short:
    width, height = (min(s, LONGEST_ASPECT * short) for s in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
  if not side or short <= side:
    return image
  size = tuple(max(side, round(s * side / short)) for s in image.size)
  return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3)
