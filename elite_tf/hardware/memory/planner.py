"""Where TensorFlow Lite Micro's greedy planner places the buffers of a graph.

The algorithm: the largest buffer first; each at the lowest address where it
overlaps no buffer placed before that is alive at the same time. Among buffers
of equal size, the last one added comes first.
"""

from collections.abc import Sequence
from typing import NamedTuple

ALIGNMENT = (
  16  # Every buffer's size is rounded up to a multiple of it, in bytes.
)


class Buffer(NamedTuple):
  """A request for memory.

  Attributes:
    size: Bytes.
    first: Position of the first operator during which it is alive.
    last: Position of the last operator during which it is alive.
  """

  size: int
  first: int
  last: int


def align(size: int, alignment: int = ALIGNMENT) -> int:
  """Returns `size` rounded up to a multiple of `alignment`."""
  return -(-size // alignment) * alignment


def place(buffers: Sequence[Buffer]) -> list[int]:
  """Returns the offset of every buffer, in the order of `buffers`."""
  sizes = [align(buffer.size) for buffer in buffers]
  # Python's sort is stable: among equals, the order it is given decides.
  last_first = range(len(buffers) - 1, -1, -1)
  order = sorted(last_first, key=lambda i: -sizes[i])
  offsets = [0] * len(buffers)
  # By operator: the placed buffers that are alive then, as (start, end).
  alive = [set() for _ in range(1 + max((b.last for b in buffers), default=0))]
  for index in order:
    size, (_, first, last) = sizes[index], buffers[index]
    spans = alive[first : last + 1]
    offset = _lowest_gap(sorted(set().union(*spans)), size)
    offsets[index] = offset
    for span in spans:
      span.add((offset, offset + size))
  return offsets


def peak(buffers: Sequence[Buffer]) -> int:
  """Returns the bytes that all buffers take together, once placed."""
  return max(
    (
      offset + align(buffer.size)
      for offset, buffer in zip(place(buffers), buffers)
    ),
    default=0,
  )


def _lowest_gap(taken: list[tuple[int, int]], size: int) -> int:
  """Returns the lowest offset of `size` free bytes between `taken` spans."""
  offset = 0
  for start, end in taken:
    if start - offset >= size:
      break
    offset = max(offset, end)
  return offset
