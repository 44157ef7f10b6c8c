"""Images of different sizes, in one file that is mapped into memory."""

import dataclasses
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Pages that were read of a mapped file count as this process's memory until they
# are given back. They stay in the system's cache, which all workers share, so
# reading them again costs little.
RESIDENT_BYTES = 1 << 26

# Linux maps this many bytes around every byte that is read.
_FAULT_BYTES = 1 << 16


class Residence:
  """Gives the pages of a mapped file back from time to time."""

  def __init__(self, mapped: mmap.mmap):
    self._map = mapped
    self._read = 0

  def note(self, pieces: int, size: int) -> None:
    """Counts what was read.

    Args:
      pieces: Number of places in the file.
      size: Total number of bytes.
    """
    self._read += max(size, pieces * _FAULT_BYTES)
    if self._read > RESIDENT_BYTES:
      # Views that are still in use read their pages from the file again.
      self._map.madvise(mmap.MADV_DONTNEED)
      self._read = 0


class Pixels:
  """The bytes of a file, read on access.

  Attributes:
    path: Path of the file.
  """

  def __init__(self, path: Path):
    """Maps a file.

    Args:
      path: Path of a file with at least one byte, which may be removed while it
        is mapped.

    Raises:
      OSError: The file cannot be read.
    """
    self.path = path
    with open(path, "rb") as file:
      mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    self._bytes = np.frombuffer(mapped, np.uint8)
    self._residence = Residence(mapped)

  def __len__(self) -> int:
    """Returns the size of the file."""
    return len(self._bytes)

  def __getitem__(self, part: slice) -> np.ndarray:
    """Returns some of the bytes as a view that is read-only."""
    view = self._bytes[part]
    self._residence.note(1, len(view))
    return view


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged(Sequence):
  """A sequence of images of any sizes with the same number of channels.

  `images[3]` is an image, uint8, (height, width, channels), read-only.
  `images[indices]` and `images[start:stop]` are sequences of the same kind over
  the same pixels; no pixel is read for them.

  Attributes:
    pixels: uint8, the pixels of all images one after another: array or file.
    places: int64, (n, 3): first byte, height and width of each image.
    channels: 1 (grey) or 3 (RGB).
  """

  pixels: np.ndarray | Pixels
  places: np.ndarray
  channels: int

  @classmethod
  def of(cls, pictures: Sequence[np.ndarray]) -> "Ragged":
    """Makes a sequence in memory.

    Args:
      pictures: At least one image, uint8, (height, width, channels).
    """
    sizes = [picture.size for picture in pictures]
    starts = np.cumsum([0, *sizes[:-1]])
    places = [
      (start, *picture.shape[:2]) for start, picture in zip(starts, pictures)
    ]
    return cls(
      np.concatenate([picture.ravel() for picture in pictures]),
      np.array(places, np.int64),
      pictures[0].shape[2],
    )

  def __len__(self) -> int:
    """Returns the number of images."""
    return len(self.places)

  def __getitem__(self, item) -> "np.ndarray | Ragged":
    """Returns an image, or the sequence of a slice or of indices."""
    if isinstance(item, (slice, np.ndarray, list)):
      return dataclasses.replace(self, places=self.places[item])
    start, height, width = self.places[item].tolist()
    size = height * width * self.channels
    return self.pixels[start : start + size].reshape(
      height, width, self.channels
    )
