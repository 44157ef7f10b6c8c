"""What a network takes on a board, and whether the board has it."""

import dataclasses

from elite_tf.hardware.boards import Limits, Shortfall, shortfall
from elite_tf.hardware.latency import estimate_seconds
from elite_tf.hardware.memory import CODE_BYTES, Memory, predict
from elite_tf.types import Candidate, Layer


@dataclasses.dataclass(frozen=True)
class Needs:
  """What a candidate will take on a board, predicted.

  Attributes:
    memory: Flash and arena, in bytes.
    seconds: Estimated seconds an inference; None where no board was named.
    shortfall: Bytes by which it misses the limits.
  """

  memory: Memory
  seconds: float | None
  shortfall: Shortfall


def predict_needs(
  candidate: Candidate, layers: tuple[Layer, ...], limits: Limits
) -> Needs:
  """Returns what a candidate will take on a board, and what it lacks there."""
  memory = predict(layers)
  return Needs(
    memory,
    estimate_seconds(layers, limits.board) if limits.board else None,
    shortfall(limits, memory.flash_bytes, arena_needed(memory.arena_bytes)),
  )


def arena_needed(arena_bytes: int) -> int:
  """Returns the arena to provide: the next multiple of 16 bytes."""
  return -(-arena_bytes // 16) * 16


def measured_shortfall(
  memory: Memory | None, limits: Limits, tflite_bytes: int, arena_bytes: int
) -> Shortfall:
  """Returns by how much a converted network misses the limits.

  Args:
    memory: What was predicted of it; None where nothing could be: then the
      arena is taken as measured, some KB larger than on a board.
    limits: Most that it may take.
    tflite_bytes: Its file.
    arena_bytes: The arena measured on this computer; the pointers in it are
      smaller on a board, by what was predicted.
  """
  pointers = memory.arena_bytes_host - memory.arena_bytes if memory else 0
  return shortfall(
    limits,
    tflite_bytes + CODE_BYTES,
    arena_needed(arena_bytes - pointers),
  )
