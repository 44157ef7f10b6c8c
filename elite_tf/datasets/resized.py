"""Images at a network's size, made once for all candidates and workers.

The cache's second layer: a file as NumPy saves it for every resolution and
part, mapped by all who read it, so that the system's memory holds it once.
"""

import hashlib
from pathlib import Path

import numpy as np

from elite_tf import preprocess
from elite_tf.datasets import keep
from elite_tf.datasets.ragged import Pixels, Ragged

# Part of every key: another number and older files are not read any more.
FORMAT = 1

# Fewer bytes are made anew by whoever needs them.
LEAST_BYTES = 1 << 24

_CHUNK = 256


def resized(
    images: np.ndarray | Ragged,
    resolution: int,
    crop: bool = False,
    root: Path | None = None,
    part: str = "images",
    least_bytes: int = LEAST_BYTES,
) -> np.ndarray:
  """Returns images at another size.

  Args:
    images: uint8, as stored.
    resolution: Height and width wanted, in pixels.
    crop: As `elite_tf.preprocess.central_square` has it.
    root: Folder of the cache; None makes them in memory.
    part: Begins the name in the cache.
    least_bytes: Fewer than these are made in memory, too.

  Returns:
    uint8, (n, resolution, resolution, channels); not to be written to.

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
    keep.check_room(folder, size, f"{part} at {resolution} pixels")
    with open(folder / "images.npy", "wb") as file:
      np.lib.format.write_array_header_1_0(
          file, {"descr": "|u1", "fortran_order": False, "shape": shape}
      )
      for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        file.write(preprocess.resize(chunk, resolution, crop))

  def valid(folder: Path) -> bool:
    try:
      return _open(folder).shape == shape
    except (OSError, ValueError):
      return False

  kind = "crop" if crop else "r"
  key = f"{part}-{kind}{resolution}-{_digest(images)}"
  return np.asarray(_open(keep.keep(root, key, build, valid)))


def _open(folder: Path) -> np.ndarray:
  return np.load(folder / "images.npy", mmap_mode="r")


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
