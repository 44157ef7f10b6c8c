"""The memory planner: a place in one buffer for every map.

Two rows may share memory if they are not alive at the same time. A map can
therefore overwrite the map that it is computed from, as soon as its rows have
been read: at the same place (sums, products and tables, number by number) or
some rows further.
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

# Random orders of placing that are tried, after the largest first.
TRIALS = 200

# Whether to stream a map is not tried if it is smaller than 1/SMALL of the
# buffer.
SMALL = 10

# Kernels that read number i of their inputs just before they write number i of
# their output.
IN_PLACE = ("sum", "product", "table")

# First and last tick of memory that is never used.
_NEVER = (1 << 60, -1)


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
  """The place of every map in the buffer.

  Attributes:
    schedule: The schedule that the layout is for.
    streamed: Positions of the values that are streamed.
    offsets: Of every value that is not a constant, in bytes.
    scratch: Offset of the memory of every stage that needs some while it runs.
    bytes: Size of the buffer.
  """

  schedule: Schedule
  streamed: frozenset[int]
  offsets: dict[int, int]
  scratch: dict[int, int]
  bytes: int


def find_layout(program: Program, trials: int = TRIALS) -> Layout:
  """Returns a small layout of a program, with the values to stream.

  A local search decides which values to stream: value by value, a change that
  makes the buffer smaller is kept. It starts once with all values streamed and
  once with none.

  Args:
    program: The program.
    trials: Random orders of placing to try for the best choice.

  Returns:
    The smallest layout found; the same for the same program.
  """
  candidates = frozenset(streamable(program))
  found = [_descend(program, start) for start in (candidates, frozenset())]
  streamed = min(found, key=lambda pair: (pair[0], len(pair[1])))[1]
  return place_maps(program, streamed, trials)


def _descend(
  program: Program, streamed: frozenset[int]
) -> tuple[int, frozenset[int]]:
  """Streams one value more or fewer as long as that makes the buffer smaller.

  Returns:
    Size of the buffer, and the values that are streamed.
  """
  best = place_maps(program, streamed, 0).bytes
  left = [
    value
    for value in streamable(program)
    if program.values[value].bytes * SMALL >= best
  ]
  # Streaming takes some time: small values are not streamed.
  plain = streamed & frozenset(left)
  if (size := place_maps(program, plain, 0).bytes) <= best:
    best, streamed = size, plain
  improved = True
  while improved:
    improved = False
    for value in left:
      changed = streamed ^ {value}
      size = place_maps(program, changed, 0).bytes
      if size < best or (size == best and value in streamed):
        improved = improved or size < best
        best, streamed = size, changed
  return best, streamed


class _Block(NamedTuple):
  """Memory to be placed.

  Attributes:
    size: In bytes.
    slots: int64 (n, 4): offset, bytes, first and last tick of every part.
  """

  size: int
  slots: np.ndarray


def place_maps(
  program: Program, streamed: frozenset[int], trials: int = TRIALS
) -> Layout:
  """Returns a small layout for a choice of streamed values.

  Args:
    program: The program.
    streamed: Positions of the values that are streamed.
    trials: Random orders of placing to try, after the largest first.

  Returns:
    The smallest layout found; the same for the same arguments.
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
    # Large ones mostly first.
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
  """Returns the distances at which pairs of blocks collide.

  The distances of the pair (a, b) are offset of b less offset of a, as open
  intervals, sorted.
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
  """Returns the pairs of blocks that may share their place exactly."""
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
  """Returns the open intervals of distances at which slots collide."""
  a, b = a[:, None, :], b[None, :, :]
  alive = (a[..., 2] <= b[..., 3]) & (b[..., 2] <= a[..., 3])
  low = a[..., 0] - b[..., 0] - b[..., 1]
  high = a[..., 0] + a[..., 1] - b[..., 0]
  if in_place:
    # One row is read last in the call that writes the other: they collide
    # unless they are at the same place.
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
  """Places every block at the lowest free offset, in the order given."""
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
