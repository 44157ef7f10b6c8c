"""What each operator of TensorFlow Lite takes in the file and in the arena.

The figures are those of tflite-micro in 2026 with its reference kernels. The
kernels of CMSIS-NN need further scratch.

To add an operator: one entry in `OPERATORS`.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

from elite_tf.hardware.memory.machine import INT, Machine
from elite_tf.hardware.memory.planner import align

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class OperatorKind:
  """One operator of TensorFlow Lite.

  Attributes:
    state: Function of a machine -> bytes that its kernel keeps per operator.
    parameters: Function of a machine -> (bytes, alignment) of its parameters
      as read from the file; None for no parameters.
    options: Bytes of the table of its options in the file: the layout and what
      is not the default; None for no options.
    per_channel: Whether its kernel keeps a multiplier and a shift for every
      output channel; the third input is then the bias.
    scratch: Function (shapes of its inputs, shape of its output) -> bytes of
      each scratch buffer of its kernel; None for no scratch.
  """

  state: Callable[[Machine], int]
  parameters: Callable[[Machine], tuple[int, int]] | None = None
  options: int | None = None
  per_channel: bool = False
  scratch: Callable[[tuple[Shape, ...], Shape], tuple[int, ...]] | None = None


@functools.cache
def _convolution_state(machine: Machine) -> int:
  word = machine.pointer
  # Padding, zero points, multiplier, shift; two arrays; range and scratch.
  numbers = 5 if machine.records else 3  # Two more for compressed tensors.
  return align(9 * INT, word) + 2 * word + align(numbers * INT, word)


@functools.cache
def _softmax_state(machine: Machine) -> int:
  # A double, seven numbers, five tables.
  word = machine.pointer
  return align(align(9 * INT, word) + 5 * word, 8)


@functools.cache
def _concatenation_state(machine: Machine) -> int:
  # Axis, two arrays, how many inputs, zero point and scale; for compressed
  # tensors, the scratch of ten inputs.
  word = machine.pointer
  return (
    align(INT, word)
    + 2 * word
    + align(3 * INT, word)
    + (10 * INT if machine.records else 0)
  )


def _mean_scratch(inputs: tuple[Shape, ...], output: Shape) -> tuple[int, ...]:
  # A sum for each element of the output, the position in the input, the axes.
  source, axes = inputs
  return INT * math.prod(output), INT * len(source), INT * axes[0]


OPERATORS: dict[str, OperatorKind] = {
  "CONV_2D": OperatorKind(
    _convolution_state,
    parameters=lambda machine: (7 * INT, INT),
    options=12,
    per_channel=True,
  ),
  "DEPTHWISE_CONV_2D": OperatorKind(
    _convolution_state,
    parameters=lambda machine: (7 * INT, INT),
    options=16,
    per_channel=True,
  ),
  "LOGISTIC": OperatorKind(lambda machine: 4 * INT),
  "HARD_SWISH": OperatorKind(lambda machine: 5 * INT),
  "MUL": OperatorKind(
    lambda machine: 9 * INT,
    parameters=lambda machine: (machine.enum, machine.enum),
    options=4,
  ),
  "ADD": OperatorKind(
    lambda machine: 15 * INT,
    parameters=lambda machine: (2 * machine.enum, machine.enum),
    options=4,
  ),
  "MEAN": OperatorKind(
    lambda machine: 11 * INT,
    parameters=lambda machine: (1, 1),
    options=8,
    scratch=_mean_scratch,
  ),
  "RESHAPE": OperatorKind(
    lambda machine: 0,
    # Eight sizes and their number.
    parameters=lambda machine: (9 * INT, INT),
  ),
  "SOFTMAX": OperatorKind(
    _softmax_state, parameters=lambda machine: (INT, INT), options=8
  ),
  "CONCATENATION": OperatorKind(
    _concatenation_state,
    parameters=lambda machine: (INT + align(machine.enum, INT), INT),
    options=8,
  ),
}
