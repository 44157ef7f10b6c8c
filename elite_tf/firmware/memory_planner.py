"""Memory planner: places every map in one buffer.

Two maps may share memory if their rows at the same place are never alive at the
same time. So a map may overwrite its own input as soon as the rows of the input
have been read: at the same place (sums and products, number by number) or
shifted by some rows.
"""

import bisect
import dataclasses
import random
from typing import NamedTuple

import numpy as np

from elite_tf.firmware.ir import Program, Stage
from elite_tf.firmware.schedule import Schedule, simulate, streamable

# Kernels read whole words: maps begin at multiples of four bytes.
ALIGNMENT = 4

# Orders of placement to try after the first.
TRIALS = 200

# Maps smaller than 1/SMALL of the buffer are not worth streaming.
SMALL = 10

# Kernels that compute number i of the output from number i of their inputs
# alone, and read it before they write.
IN_PLACE = ("sum", "product", "table")

# First and last tick of a block that is never used.
_NEVER = (1 << 60, -1)


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
  """Places of all maps in the buffer.

  Attributes:
    schedule: Schedule that the layout is made for.
    streamed: Values that are streamed.
    offsets: First byte of each value that is not a constant.
    scratch: First byte of the scratch memory of each stage that needs some.
    bytes: Size of the buffer.
  """

  schedule: Schedule
  streamed: frozenset[int]
  offsets: dict[int, int]
  scratch: dict[int, int]
  bytes: int


def arrange(program: Program, trials: int = TRIALS) -> Layout:
  """Chooses the values to stream, and places every map.

  Two descents, one from all values streamed and one from none, change one value
  at a time and keep each change that makes the buffer smaller.

  Args:
    program: The program.
    trials: Orders of placement to try for the chosen values.

  Returns:
    The smallest layout found. It depends on the program and `trials` alone.
  """
  candidates = frozenset(streamable(program))
  found = [_descend(program, start) for start in (candidates, frozenset())]
  streamed = min(found, key=lambda pair: (pair[0], len(pair[1])))[1]
  return place(program, streamed, trials)


def _descend(
  program: Program, streamed: frozenset[int]
) -> tuple[int, frozenset[int]]:
  """Streams one value more or less while that makes the buffer smaller.

  Returns:
    Bytes of the buffer, and the values that are streamed.
  """
  best = place(program, streamed, 0).bytes
  left = [
    value
    for value in streamable(program)
    if program.values[value].bytes * SMALL >= best
  ]
  # Streaming costs a little time: values too small to matter are not streamed.
  plain = streamed & frozenset(left)
  if (size := place(program, plain, 0).bytes) <= best:
    best, streamed = size, plain
  improved = True
  while improved:
    improved = False
    for value in left:
      changed = streamed ^ {value}
      size = place(program, changed, 0).bytes
      if size < best or (size == best and value in streamed):
        improved = improved or size < best
        best, streamed = size, changed
  return best, streamed


class _Block(NamedTuple):
  """Memory to be placed, with the time that each part of it is in use.

  Attributes:
    size: Bytes.
    slots: int64 (n, 4): offset, bytes, first and last tick of each part.
  """

  size: int
  slots: np.ndarray


def place(
  program: Program, streamed: frozenset[int], trials: int = TRIALS
) -> Layout:
  """Places the maps of a program for given streamed values.

  Args:
    program: The program.
    streamed: Values whose rows are computed on demand.
    trials: Orders of placement to try after the first, which places the largest
      block first.

  Returns:
    The smallest layout found. It depends on the arguments alone.
  """
  schedule = simulate(program, streamed)
  values = sorted(schedule.births)
  blocks = [_of_value(program, schedule, value) for value in values]
  users = [i for i, stage in enumerate(program.stages) if stage.scratch]
  for index in users:
    size = -(-program.stages[index].scratch // ALIGNMENT) * ALIGNMENT
    span = schedule.spans.get(index, _NEVER)
    blocks.append(_Block(size, np.array([(0, size, *span)])))
  conflicts = _conflicts(program, schedule, values, blocks)
  order = sorted(range(len(blocks)), key=lambda i: (-blocks[i].size, i))
  best, size = _fit(blocks, conflicts, order)
  generator = random.Random(0)
  floor = max(block.size for block in blocks)
  for _ in range(trials):
    if size == floor:
      break
    # Large blocks tend to come early.
    trial = sorted(
      order, key=lambda i: -blocks[i].size * generator.uniform(0.3, 1)
    )
    offsets, reached = _fit(blocks, conflicts, trial)
    if reached < size:
      best, size = offsets, reached
  return Layout(
    schedule=schedule,
    streamed=streamed,
    offsets=dict(zip(values, best)),
    scratch=dict(zip(users, best[len(values) :])),
    bytes=size,
  )


def _of_value(program: Program, schedule: Schedule, index: int) -> _Block:
  value = program.values[index]
  births, deaths = schedule.births[index], schedule.deaths[index]
  rows, row_bytes = schedule.rings[index], value.row_bytes
  computed = births >= 0
  if not computed.any():
    slots = [(0, 0, *_NEVER)]
  elif rows < value.height:
    span = int(births[computed].min()), int(deaths.max())
    slots = [(0, rows * row_bytes, *span)]
  else:
    slots = [
      (y * row_bytes, row_bytes, birth, death)
      for y, (birth, death) in enumerate(zip(births, deaths))
      if birth >= 0
    ]
  return _Block(rows * row_bytes, np.array(slots, np.int64).reshape(-1, 4))


def _conflicts(
  program: Program,
  schedule: Schedule,
  values: list[int],
  blocks: list[_Block],
) -> dict[tuple[int, int], list[tuple[int, int]]]:
  """Returns the forbidden distances of each pair of blocks.

  The distance of a pair (a, b) is the start of b minus the start of a. Forbidden
  distances are sorted open intervals.
  """
  in_place = _in_place(program, schedule, values)
  spans = [(b.slots[:, 2].min(), b.slots[:, 3].max()) for b in blocks]
  found = {}
  for a, (first_a, last_a) in enumerate(spans):
    for b, (first_b, last_b) in enumerate(spans[:a]):
      if first_a > last_b or first_b > last_a:
        continue
      together = (a, b) in in_place or (b, a) in in_place
      distances = _distances(blocks[a].slots, blocks[b].slots, together)
      if distances:
        found[a, b] = distances
        found[b, a] = [(-end, -begin) for begin, end in reversed(distances)]
  return found


def _in_place(
  program: Program, schedule: Schedule, values: list[int]
) -> set[tuple[int, int]]:
  """Returns the pairs of blocks whose rows may lie in the same place."""
  positions = {value: i for i, value in enumerate(values)}

  def fits(stage: Stage, value: int) -> bool:
    source, target = program.values[value], program.values[stage.output]
    return (
      value in positions
      and source.bytes == target.bytes
      and source.height == target.height
      and schedule.rings[value] == source.height
      and schedule.rings[stage.output] == target.height
    )

  return {
    (positions[value], positions[stage.output])
    for stage in program.stages
    if stage.kernel in IN_PLACE
    for value in stage.inputs
    if fits(stage, value)
  }


def _distances(
  a: np.ndarray, b: np.ndarray, in_place: bool
) -> list[tuple[int, int]]:
  """Returns the distances at which slots collide, as open intervals."""
  a, b = a[:, None, :], b[None, :, :]
  alive = (a[..., 2] <= b[..., 3]) & (b[..., 2] <= a[..., 3])
  low = a[..., 0] - b[..., 0] - b[..., 1]
  high = a[..., 0] + a[..., 1] - b[..., 0]
  if in_place:
    # One row is read for the last time at the tick at which the other is
    # written: they collide anywhere except in the same place.
    meet = (a[..., 2] == b[..., 3]) | (b[..., 2] == a[..., 3])
    meet &= alive & (a[..., 0] == b[..., 0])
    pairs = [*zip(low[meet], np.zeros_like(low[meet]))]
    pairs += [*zip(np.zeros_like(high[meet]), high[meet])]
    alive &= ~meet
  else:
    pairs = []
  pairs += [*zip(low[alive], high[alive])]
  merged: list[tuple[int, int]] = []
  for begin, end in sorted((int(x), int(y)) for x, y in pairs):
    if merged and begin < merged[-1][1]:
      merged[-1] = merged[-1][0], max(end, merged[-1][1])
    else:
      merged.append((begin, end))
  return merged


def _fit(
  blocks: list[_Block],
  conflicts: dict[tuple[int, int], list[tuple[int, int]]],
  order: list[int],
) -> tuple[list[int], int]:
  """Puts each block at the lowest free place, in the given order.

  Returns:
    The first byte of each block, and the size of the buffer.
  """
  offsets = [0] * len(blocks)
  placed: list[int] = []
  for index in order:
    taken: list[tuple[int, int]] = []
    for other in placed:
      for begin, end in conflicts.get((other, index), ()):
        bisect.insort(taken, (offsets[other] + begin, offsets[other] + end))
    offset = 0
    for begin, end in taken:
      if offset <= begin:
        break
      if offset < end:
        offset = -(-end // ALIGNMENT) * ALIGNMENT
    offsets[index] = offset
    placed.append(index)
  size = max(o + b.size for o, b in zip(offsets, blocks))
  return offsets, -(-size // ALIGNMENT) * ALIGNMENT
