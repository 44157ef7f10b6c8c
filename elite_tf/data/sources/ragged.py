"""Pictures of different sizes, in one file that is mapped into memory."""

import dataclasses
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# What was read of a mapped file counts as this process's memory until it is
# given back. The pages stay in the system's cache, where other workers use
# them too: to read them again costs next to nothing.
RESIDENT_BYTES = 1 << 26

# Linux maps as much of a file around every byte that is read.
_FAULT_BYTES = 1 << 16


class Residence:
  """Gives the pages of a mapped file back, time and again."""

  def __init__(self, mapped: mmap.mmap):
    self._map = mapped
    self._read = 0

  def note(self, pieces: int, size: int) -> None:
    """Takes note of what was read.

    Args:
      pieces: In as many places.
      size: Bytes in all.
    """
    self._read += max(size, pieces * _FAULT_BYTES)
    if self._read > RESIDENT_BYTES:
      # Views that are still in use read their pages again from the file.
      self._map.madvise(mmap.MADV_DONTNEED)
      self._read = 0


class Pixels:
  """The bytes of a file, read where they are asked for.

  Attributes:
    path: The file.
  """

  def __init__(self, path: Path):
    """Maps a file.

    Args:
      path: The file, not empty. It may be removed while it is mapped.

    Raises:
      OSError: It cannot be read.
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
    """Returns some of the bytes, a view that cannot be written to."""
    view = self._bytes[part]
    self._residence.note(1, len(view))
    return view


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged(Sequence):
  """A sequence of pictures of one number of channels and any sizes.

  `images[3]` is a picture, uint8 (height, width, channels), that cannot be
  written to; `images[indices]` and `images[start:stop]` are sequences of the
  same kind over the same pixels: no pixel is read for them.

  Attributes:
    pixels: uint8, the pixels of all pictures in one row: an array or a file.
    places: int64, (n, 3): where a picture begins, its height and its width.
    channels: 1 (grey) or 3 (RGB).
  """

  pixels: np.ndarray | Pixels
  places: np.ndarray
  channels: int

  @classmethod
  def of(cls, pictures: Sequence[np.ndarray]) -> "Ragged":
    """Makes a sequence in memory.

    Args:
      pictures: uint8, (height, width, channels) each; at least one.
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
    """Returns the number of pictures."""
    return len(self.places)

  def __getitem__(self, item) -> "np.ndarray | Ragged":
    """Returns a picture, or the pictures of a slice or of indices."""
    if isinstance(item, (slice, np.ndarray, list)):
      return dataclasses.replace(self, places=self.places[item])
    start, height, width = self.places[item].tolist()
    size = height * width * self.channels
    return self.pixels[start : start + size].reshape(
      height, width, self.channels
    )
