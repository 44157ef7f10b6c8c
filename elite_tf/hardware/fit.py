"""What a network takes on a board, and whether it fits."""

import dataclasses

from elite_tf.hardware.boards import Limits, Shortfall, shortfall
from elite_tf.hardware.latency import estimate_seconds
from elite_tf.hardware.memory import CODE_BYTES, Memory, predict
from elite_tf.types import Candidate, Layer


@dataclasses.dataclass(frozen=True)
class Needs:
  """What a candidate is predicted to take on a board.

  Attributes:
    memory: Flash and arena, in bytes.
    seconds: Estimated seconds per inference; None without a board.
    shortfall: Bytes by which it exceeds the limits.
    late: Seconds by which an inference exceeds the limit.
  """

  memory: Memory
  seconds: float | None
  shortfall: Shortfall
  late: float = 0.0

  @property
  def fits(self) -> bool:
    """Whether it fits the limits."""
    return self.shortfall == (0, 0) and self.late == 0


def predict_needs(
  candidate: Candidate, layers: tuple[Layer, ...], limits: Limits
) -> Needs:
  """Returns what a candidate is predicted to take on a board.

  Args:
    candidate: The candidate.
    layers: Of its network, as it will be exported.
    limits: The most that it may take.
  """
  memory = predict(layers)
  seconds = estimate_seconds(layers, limits.board) if limits.board else None
  return Needs(
    memory,
    seconds,
    shortfall(limits, memory.flash_bytes, arena_needed(memory.arena_bytes)),
    max(0.0, seconds - limits.seconds) if limits.seconds else 0.0,
  )


def arena_needed(arena_bytes: int) -> int:
  """Returns the arena to provide, in bytes: the next multiple of 16."""
  return -(-arena_bytes // 16) * 16


def measured_shortfall(
  memory: Memory | None, limits: Limits, tflite_bytes: int, arena_bytes: int
) -> Shortfall:
  """Returns by how much a converted network exceeds the limits.

  The arena measured on this computer is larger than on a board, whose pointers
  are smaller; the predicted difference is subtracted.

  Args:
    memory: What was predicted; None where nothing can be: then nothing is
      subtracted, and the arena is some KB larger than on a board.
    limits: The most that it may take.
    tflite_bytes: Size of its file.
    arena_bytes: Arena measured on this computer.
  """
  pointers = memory.arena_bytes_host - memory.arena_bytes if memory else 0
  return shortfall(
    limits,
    tflite_bytes + CODE_BYTES,
    arena_needed(arena_bytes - pointers),
  )
