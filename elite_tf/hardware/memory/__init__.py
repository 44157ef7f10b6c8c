"""Flash and RAM of a network on a microcontroller, from its layers alone.

The layers are lowered to the graph that the converter writes (`graph`), from
which the size of the file (`file_size`) and TensorFlow Lite Micro's arena
(`arena`, `planner`) follow. It needs neither TensorFlow nor NumPy.
`tools/check_memory.py` measures what this predicts.
"""

import dataclasses
from collections.abc import Iterable

from elite_tf.hardware.memory.arena import head_bytes, tail_bytes
from elite_tf.hardware.memory.file_size import file_bytes
from elite_tf.hardware.memory.graph import lower
from elite_tf.hardware.memory.machine import BOARD, HOST
from elite_tf.types import Layer

# Interpreter, reference kernels, start-up code and C library of a complete
# small firmware; measured: 50 to 54 KB on Cortex-M.
CODE_BYTES = 54 * 1024

# The same with CMSIS-NN's kernels, 83 to 96 KB.
CMSIS_NN_CODE_BYTES = 96 * 1024


@dataclasses.dataclass(frozen=True)
class Memory:
  """What a network takes on a microcontroller with 32-bit pointers, in bytes.

  Attributes:
    tflite_bytes: Size of the int8 .tflite file.
    code_bytes: Size of interpreter and reference kernels.
    flash_bytes: Sum of the two.
    arena_head_bytes: RAM that every inference writes again (activations).
    arena_tail_bytes: RAM that stays (structures, multipliers of the channels).
    arena_bytes: Sum of the two, as the interpreter reports it. The firmware
      must provide at least the next multiple of 16.
    arena_bytes_host: `arena_bytes` on a computer with 64-bit pointers, as the
      package tflite-micro reports it.
  """

  tflite_bytes: int
  code_bytes: int
  flash_bytes: int
  arena_head_bytes: int
  arena_tail_bytes: int
  arena_bytes: int
  arena_bytes_host: int


def predict(layers: Iterable[Layer]) -> Memory:
  """Returns what a network will take once trained and quantized to int8.

  Args:
    layers: The network's, inputs before outputs, the input first.

  Raises:
    ConfigError: It has an activation whose operators are not known.
  """
  graph = lower(layers)
  size = file_bytes(graph)
  head = head_bytes(graph)
  tail = tail_bytes(graph, BOARD)
  return Memory(
    tflite_bytes=size,
    code_bytes=CODE_BYTES,
    flash_bytes=size + CODE_BYTES,
    arena_head_bytes=head,
    arena_tail_bytes=tail,
    arena_bytes=head + tail,
    arena_bytes_host=head + tail_bytes(graph, HOST),
  )
