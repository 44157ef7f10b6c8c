"""Where every map lies in the one buffer.

Two maps may share memory where no row of the one is alive while a row of the
other at the same place is. So a map can be written over the one that it is
computed from, as soon as that one's rows have been read: at the same place
(sums and products, number by number) or moved by some rows.
"""

import bisect
import dataclasses
import random
from typing import NamedTuple

import numpy as np

from elite_tf.firmware.ir import Program, Stage
from elite_tf.firmware.schedule import Schedule, play, streamable

# Words are read whole: maps begin at multiples of four bytes.
ALIGNMENT = 4

# Orders of placing that are tried, after the first.
TRIALS = 200

# Maps smaller than this part of the buffer are not worth a trial.
SMALL = 10

# Kernels that read a number of their inputs before they write the same of their
# output, and no other.
IN_PLACE = ("sum", "product", "table")


# First and last tick of what is never used.
_NEVER = (1 << 60, -1)


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
  """What lies where.

  Attributes:
    schedule: The schedule that it is made for.
    streamed: The values that are streamed.
    offsets: Of every value that is no constant, where it begins.
    scratch: Of every stage that needs memory while it runs, where it begins.
    bytes: Of the whole buffer.
  """

  schedule: Schedule
  streamed: frozenset[int]
  offsets: dict[int, int]
  scratch: dict[int, int]
  bytes: int


def arrange(program: Program, trials: int = TRIALS) -> Layout:
  """Finds what to stream and where to put every map.

  Streaming is decided value by value: what makes the buffer smaller is kept,
  from all values streamed and from none.

  Args:
    program: The program.
    trials: Orders of placing to try for the one that is taken.

  Returns:
    The smallest layout found; the same for the same program.
  """
  candidates = frozenset(streamable(program))
  found = [_descend(program, start) for start in (candidates, frozenset())]
  streamed = min(found, key=lambda pair: (pair[0], len(pair[1])))[1]
  return place(program, streamed, trials)


def _descend(
  program: Program, streamed: frozenset[int]
) -> tuple[int, frozenset[int]]:
  """Streams one value more or less as long as that is better.

  Returns:
    Bytes of the buffer, and what is streamed.
  """
  best = place(program, streamed, 0).bytes
  left = [
    value
    for value in streamable(program)
    if program.values[value].bytes * SMALL >= best
  ]
  # What is too small to matter is not streamed: it costs a little time.
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
  """Memory to be placed, with what lies in it when.

  Attributes:
    size: Bytes.
    slots: int64 (n, 4): offset, bytes, first and last tick of every part.
  """

  size: int
  slots: np.ndarray


def place(
  program: Program, streamed: frozenset[int], trials: int = TRIALS
) -> Layout:
  """Places what a choice of streamed values needs.

  Args:
    program: The program.
    streamed: Values whose rows are computed when they are needed.
    trials: Orders of placing to try, after the largest first.

  Returns:
    The smallest layout found; the same for the same arguments.
  """
  schedule = play(program, streamed)
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
    # Large ones early, but not strictly.
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
  """Returns for pairs of blocks the distances that they must not have.

  The distances of the pair (a, b) are those of b's beginning from a's, as open
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
  """Returns pairs of blocks whose rows may lie in the very same place."""
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
    # The one row is read last when the other is written: in the same place
    # they do not collide, but anywhere else they do.
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
  """Puts every block at the lowest place left, in the order given."""
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
