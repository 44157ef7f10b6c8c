"""Images at a network's resolution, made once for all candidates and workers.

This is the second layer of the cache: one .npy file per resolution and part. All
workers map the same file, so that memory holds it once.
"""

import hashlib
from pathlib import Path

import numpy as np

from elite_tf.data import preprocess
from elite_tf.data.sources import build_once
from elite_tf.data.sources.ragged import Pixels, Ragged, Residence
from elite_tf.data.sources.types import RESIZED_BYTES

# Part of every key: with another number, existing files are not read.
FORMAT = 2  # 2: the crop of photographs is 7/8 at every size.

_CHUNK = 256

_NAME = "images.npy"


class Images:
  """Images of one size in a file, read on access.

  `images[3]`, `images[start:stop]` and `images[positions]` are arrays, as with
  an array in memory; do not write to them.

  Attributes:
    shape: (n, height, width, channels).
  """

  def __init__(self, path: Path):
    """Maps a file.

    Args:
      path: Path of a .npy file with an array of uint8.

    Raises:
      OSError: The file cannot be read.
      ValueError: The file is damaged.
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
  """Returns images at another resolution.

  Args:
    images: uint8, as stored.
    resolution: Height and width of the result, in pixels.
    crop: As in `elite_tf.data.crop.central_square`.
    root: Folder of the cache; None keeps the images in memory.
    part: Beginning of the name in the cache.
    least_bytes: Fewer bytes than these are kept in memory.

  Returns:
    uint8, (n, resolution, resolution, channels): an array, or a file that is
    indexed like one.

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
  """Returns a digest of the images, or of what decides their pixels."""
  digest = hashlib.sha256(str(FORMAT).encode())
  if isinstance(images, Ragged):
    digest.update(np.ascontiguousarray(images.places))
    pixels = images.pixels
    # The name of a folder in the cache contains a digest of its content.
    name = pixels.path.parent.name if isinstance(pixels, Pixels) else ""
    digest.update(name.encode() or np.ascontiguousarray(pixels))
  else:
    digest.update(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images))
  return digest.hexdigest()[:16]
