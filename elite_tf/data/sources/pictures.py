"""One picture: from a file, as cameras and programs write it, to pixels.

The content decides between JPEG, PNG and BMP, not the name. Pictures are
rotated as EXIF says, transparency is put on white, CMYK becomes RGB, and 16-bit
grey is divided by 257, so that white stays white. Colour profiles are not
applied.
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

# A square of 20,000 pixels, which takes 1.6 GB while it is decoded as RGB. More
# than that is an attack or a mistake.
MOST_PIXELS = 20_000 * 20_000

# From this size on (64 MB as RGB) pictures are decoded one at a time.
LARGE_PIXELS = 16_000_000

# Of a longer picture only the middle is kept: shrinking a whole panorama to the
# short side would leave a huge picture.
LONGEST_ASPECT = 4

_LARGE = threading.Lock()


class Broken(Exception):
  """A picture that cannot be decoded; the text says why."""


@contextlib.contextmanager
def pillow() -> Iterator[None]:
  """Turns off Pillow's limit of pixels and its warnings while the body runs.

  Both belong to the whole process: enter this once around many pictures.
  """
  from PIL import Image  # Imported here: a dry run seldom needs Pillow.

  limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
  try:
    with warnings.catch_warnings():
      warnings.filterwarnings("ignore", module=r"PIL\.")
      yield
  finally:
    Image.MAX_IMAGE_PIXELS = limit


def header(source: str | bytes) -> tuple[int, int, bool]:
  """Reads the header of a picture.

  Args:
    source: Path of the file, or its encoded bytes.

  Returns:
    (height, width, whether the picture is grey), as stored, in pixels.

  Raises:
    Broken: The file is no picture.
  """
  with _opened(source) as image:
    return image.height, image.width, _is_grey(image.mode)


def decode(source: str | bytes, channels: int, side: int = 0) -> "np.ndarray":
  """Decodes a picture.

  Args:
    source: Path of the file, or its encoded bytes.
    channels: 1 (grey) or 3 (RGB).
    side: Short side to which a larger picture is shrunk, in pixels; 0 keeps
      every size.

  Returns:
    uint8, (height, width, channels). Of pictures longer than 4 to 1, the middle.

  Raises:
    Broken: The picture cannot be decoded.
  """
  import numpy as np

  with _opened(source) as image:
    large = image.width * image.height > LARGE_PIXELS
    with _LARGE if large else contextlib.nullcontext():
      if side:
        # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size at little cost.
        scale = 2 * side / min(image.size)
        image.draft(image.mode, tuple(int(scale * s) + 1 for s in image.size))
      image.load()
      pixels = np.asarray(_shrunk(_modes(_turned(image), channels), side))
  return pixels.reshape(*pixels.shape[:2], channels)


def typical_bytes(description: Description, side: int) -> int:
  """Returns the bytes of a decoded picture of typical size.

  Args:
    description: Description of the data set.
    side: As in `decode`.
  """
  short, long = sorted((description.height, description.width))
  stored = min(short, side) if side else short
  long = -(-min(long, LONGEST_ASPECT * short) * stored // short)
  return stored * long * description.channels


@contextlib.contextmanager
def _opened(source: str | bytes) -> "Iterator[Image.Image]":
  """Opens a picture; turns every error, now or later, into `Broken`."""
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
    # Damaged bytes make Pillow raise errors of many types.
    raise Broken(one_line(error)) from error


def _is_grey(mode: str) -> bool:
  return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def _turned(image: "Image.Image") -> "Image.Image":
  """Returns the picture rotated as EXIF says; ignores damaged EXIF data."""
  from PIL import ImageOps

  with contextlib.suppress(Exception):
    ImageOps.exif_transpose(image, in_place=True)
  return image


def _modes(image: "Image.Image", channels: int) -> "Image.Image":
  """Returns the picture as grey or RGB."""
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
  """Cuts a picture to at most 4 to 1 and shrinks its short side to `side`."""
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
