"""Images at a network's size, made once for all candidates and workers.

The cache's second layer: a file as NumPy saves it for every resolution and
part, mapped by all who read it, so that the system's memory holds it once.
"""

import hashlib
from pathlib import Path

import numpy as np

from elite_tf.data import preprocess
from elite_tf.data.sources import build_once
from elite_tf.data.sources.ragged import Pixels, Ragged, Residence
from elite_tf.data.sources.types import RESIZED_BYTES

# Part of every key: another number and older files are not read any more.
FORMAT = 1

_CHUNK = 256

_NAME = "images.npy"


class Images:
  """Images of one size in a file, read where they are asked for.

  `images[3]`, `images[start:stop]` and `images[positions]` are arrays as those
  of an array in memory are; they are not to be written to.

  Attributes:
    shape: (n, height, width, channels).
  """

  def __init__(self, path: Path):
    """Maps a file.

    Args:
      path: As NumPy saves an array of uint8.

    Raises:
      OSError: It cannot be read.
      ValueError: It is damaged.
    """
    mapped = np.load(path, mmap_mode="r")
    self.shape = mapped.shape
    self._images = np.asarray(mapped)
    self._residence = Residence(mapped._mmap)

  def __len__(self) -> int:
    """Returns the number of images."""
    return len(self._images)

  def __getitem__(self, item) -> np.ndarray:
    """Returns an image or some of them."""
    found = self._images[item]
    self._residence.note(1 if found.ndim == 3 else len(found), found.size)
    return found


def resized(
  images: np.ndarray | Ragged,
  resolution: int,
  crop: bool = False,
  root: Path | None = None,
  part: str = "images",
  least_bytes: int = RESIZED_BYTES,
) -> np.ndarray | Images:
  """Returns images at another size.

  Args:
    images: uint8, as stored.
    resolution: Height and width wanted, in pixels.
    crop: As `elite_tf.data.preprocess.central_square` has it.
    root: Folder of the cache; None makes them in memory.
    part: Begins the name in the cache.
    least_bytes: Fewer than these are made in memory, too.

  Returns:
    uint8, (n, resolution, resolution, channels): an array, or a file that is
    read as one.

  Raises:
    ConfigError: The cache cannot be written.
  """
  shape = (len(images), resolution, resolution, images[0].shape[-1])
  size = int(np.prod(shape))
  if root is None or size < least_bytes:
    return preprocess.resize(images, resolution, crop)
  if isinstance(images, np.ndarray) and images.shape == shape and not crop:
    return images

  def build(folder: Path) -> None:
    build_once.check_room(folder, size, f"{part} at {resolution} pixels")
    with open(folder / _NAME, "wb") as file:
      np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": shape}
      )
      for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        file.write(preprocess.resize(chunk, resolution, crop))

  def valid(folder: Path) -> bool:
    try:
      return Images(folder / _NAME).shape == shape
    except (OSError, ValueError):
      return False

  kind = "crop" if crop else "r"
  key = f"{part}-{kind}{resolution}-{_digest(images)}"
  return Images(build_once.build_once(root, key, build, valid) / _NAME)


def _digest(images: np.ndarray | Ragged) -> str:
  """Returns a digest of the images, or of what decides them."""
  digest = hashlib.sha256(str(FORMAT).encode())
  if isinstance(images, Ragged):
    digest.update(np.ascontiguousarray(images.places))
    pixels = images.pixels
    # The name of a folder in the cache is a digest of its content.
    name = pixels.path.parent.name if isinstance(pixels, Pixels) else ""
    digest.update(name.encode() or np.ascontiguousarray(pixels))
  else:
    digest.update(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images))
  return digest.hexdigest()[:16]
