"""The arena that TensorFlow Lite Micro needs for a graph, to the byte.

The head holds what is written anew for every image: activations and scratch.
The tail holds what stays: the interpreter's structures and what the kernels
keep. Only the tail depends on the machine, by the size of its pointers.

The figures are those of tflite-micro in 2026, of its reference kernels; those
of CMSIS-NN ask for scratch of their own besides.
"""

import dataclasses
import functools
from collections.abc import Iterator

from elite_tf.hardware.memory.graph import Graph, Operator
from elite_tf.hardware.memory.planner import ALIGNMENT, Buffer, align, peak


@dataclasses.dataclass(frozen=True)
class Machine:
  """What decides the sizes of TensorFlow Lite Micro's structures.

  Attributes:
    pointer: Bytes of a pointer, and of a size.
    enum: Bytes of an enumeration. Four, but for the compilers of
      microcontrollers (the ABI of arm-none-eabi), where it is as short as its
      values allow: one.
    records: Whether allocations are recorded, as the Python package does; a
      firmware does not.
  """

  pointer: int
  enum: int
  records: bool


HOST = Machine(pointer=8, enum=4, records=True)
BOARD = Machine(pointer=4, enum=1, records=False)

_INT = 4


def head_bytes(graph: Graph) -> int:
  """Returns the bytes of the head."""
  return peak(buffers(graph))


def buffers(graph: Graph) -> list[Buffer]:
  """Returns the requests that the planner is given, in their order.

  Tensors come first. An input lives from before the first operator, an output
  to the last one; everything else from the operator that writes it to the last
  one that reads it. Scratch lives for the one operator.
  """
  first = {0: 0}
  last = {0: 0}
  scratch = []
  for time, operator in enumerate(graph.operators, start=1):
    first[operator.output] = last[operator.output] = time
    for index in operator.inputs:
      last[index] = time
    for size in _scratch(graph, operator):
      scratch.append(Buffer(size, time, time))
  tensors = [
    Buffer(graph.tensors[index].bytes, first[index], last[index])
    for index in sorted(first)
  ]
  return tensors + scratch


def _scratch(graph: Graph, operator: Operator) -> tuple[int, ...]:
  """Bytes of each scratch buffer that an operator's kernel asks for."""
  if operator.code != "MEAN":
    return ()
  # A mean keeps a sum for each number that it gives, where it is in its input,
  # and which axes it goes over.
  output = graph.tensors[operator.output]
  source, axes = (graph.tensors[index] for index in operator.inputs)
  return _INT * output.bytes, _INT * len(source.shape), _INT * axes.shape[0]


def tail_bytes(graph: Graph, machine: Machine) -> int:
  """Returns the bytes of the tail: every request for it, in their order.

  The tail grows downwards, and each request is aligned by itself: to 16 bytes
  what kernels ask for, to its widest member any other structure.
  """
  used = 0
  for size, alignment in _requests(graph, machine):
    used = -(-(used + size) // alignment) * alignment
  return used


def _requests(graph: Graph, machine: Machine) -> Iterator[tuple[int, int]]:
  """Yields (bytes, alignment) of everything that is put into the tail."""
  word = machine.pointer
  operators = graph.operators
  for size in _fixed(machine):
    yield size, word
  # A tensor at run time: pointers to numbers and shape, and a type. A node:
  # six pointers, the size of custom data, and a pointer to its registration.
  yield 3 * word * len(graph.tensors), word
  yield (align(6 * word + _INT, word) + word) * len(operators), word
  parameters, states = _parameters(machine), _states(machine)
  for operator in operators:
    if operator.code in parameters:
      yield parameters[operator.code]
  for operator in operators:
    yield states[operator.code], ALIGNMENT
  for operator in operators:
    if operator.code.endswith("CONV_2D"):
      # A multiplier and a shift for every channel.
      size = _INT * graph.tensors[operator.inputs[2]].shape[0]
      yield size, ALIGNMENT
      yield size, ALIGNMENT
  # Where each scratch buffer is.
  yield word * sum(len(_scratch(graph, x)) for x in operators), word
  for _ in ("input", "output"):
    yield from _end(machine)


def _fixed(machine: Machine) -> tuple[int, ...]:
  """Bytes of the structures that every network has, in order of creation."""
  word = machine.pointer
  # Two virtual tables, five addresses, a check sum and a count.
  arena = align(8 * word + _INT, word)
  # Virtual table, four arrays and the offsets; four counts and a flag.
  planner = 6 * word + 4 * _INT + word
  # Virtual table, four parts, a flag, and three figures of the scratch.
  allocator = 9 * word
  if machine.records:
    arena += 4 * word
    # An address, and three figures each for eight kinds of allocations. The
    # package is also built for compressed tensors, which are the eighth kind
    # and have a list in the structure of each subgraph.
    allocator += word + 8 * 3 * word
  subgraph = (3 if machine.records else 2) * word
  return arena, planner, allocator, 2 * word, subgraph


@functools.cache
def _parameters(machine: Machine) -> dict[str, tuple[int, int]]:
  """(bytes, alignment) of an operator's parameters as read from the file."""
  enum = machine.enum
  return {
    "CONV_2D": (7 * _INT, _INT),
    "DEPTHWISE_CONV_2D": (7 * _INT, _INT),
    "ADD": (2 * enum, enum),
    "MUL": (enum, enum),
    "MEAN": (1, 1),
    "RESHAPE": (9 * _INT, _INT),  # Eight sizes and how many of them count.
    "SOFTMAX": (_INT, _INT),
    "CONCATENATION": (_INT + align(enum, _INT), _INT),
  }


@functools.cache
def _states(machine: Machine) -> dict[str, int]:
  """Bytes that a kernel keeps for each of its operators."""
  word = machine.pointer
  # Padding, zero points, multiplier and shift; two arrays; range and scratch.
  numbers = 5 if machine.records else 3  # Two more for compressed tensors.
  convolution = align(9 * _INT, word) + 2 * word + align(numbers * _INT, word)
  return {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": convolution,
    "LOGISTIC": 4 * _INT,
    "HARD_SWISH": 5 * _INT,
    "MUL": 9 * _INT,
    "ADD": 15 * _INT,
    "MEAN": 11 * _INT,
    "RESHAPE": 0,
    # A double, seven numbers, five tables.
    "SOFTMAX": align(align(9 * _INT, word) + 5 * word, 8),
    # Axis, two arrays, how many inputs, zero point and scale; for compressed
    # tensors, the scratch of ten inputs.
    "CONCATENATION": (
      align(_INT, word)
      + 2 * word
      + align(3 * _INT, word)
      + (10 * _INT if machine.records else 0)
    ),
  }


def _end(machine: Machine) -> list[tuple[int, int]]:
  """What is kept of the input or of the output: a tensor and its scale."""
  word, enum = machine.pointer, machine.enum
  # How it is quantized, scale and zero point; numbers, shape and size; type,
  # kind of allocation, and a flag.
  tensor = 2 * word + 2 * _INT + 3 * word + align(2 * enum + 1, word)
  return [(word, ALIGNMENT), (tensor, word), (3 * word, word), (2 * _INT, _INT)]
