"""The arena that TensorFlow Lite Micro needs for a graph, to the byte.

The head holds what every inference writes again: activations and scratch. The
tail holds what stays: the interpreter's structures and the state of the
kernels. Only the tail depends on the machine, by the size of its pointers.
"""

from collections.abc import Iterator

from elite_tf.hardware.memory.graph import Graph, Operator
from elite_tf.hardware.memory.machine import INT, Machine
from elite_tf.hardware.memory.operators import OPERATORS
from elite_tf.hardware.memory.planner import ALIGNMENT, Buffer, align, peak


def head_bytes(graph: Graph) -> int:
  """Returns the bytes of the head."""
  return peak(buffers(graph))


def buffers(graph: Graph) -> list[Buffer]:
  """Returns the requests that the planner gets, in their order.

  Tensors come first. The input is alive from before the first operator, the
  output until the last operator; every other tensor from the operator that
  writes it to the last one that reads it. Scratch is alive during one operator.
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
  """Returns the bytes of each scratch buffer of an operator's kernel."""
  scratch = OPERATORS[operator.code].scratch
  if scratch is None:
    return ()
  return scratch(
    tuple(graph.tensors[index].shape for index in operator.inputs),
    graph.tensors[operator.output].shape,
  )


def tail_bytes(graph: Graph, machine: Machine) -> int:
  """Returns the bytes of the tail.

  The tail grows downwards, in the order of the requests. Each request is
  aligned: those of kernels to 16 bytes, others to their widest member.
  """
  used = 0
  for size, alignment in _requests(graph, machine):
    used = -(-(used + size) // alignment) * alignment
  return used


def _requests(graph: Graph, machine: Machine) -> Iterator[tuple[int, int]]:
  """Yields (bytes, alignment) of every request for the tail, in order."""
  word = machine.pointer
  operators = graph.operators
  for size in _fixed(machine):
    yield size, word
  # A tensor at run time: pointers to numbers and shape, and a type. A node:
  # six pointers, the size of custom data, and a pointer to its registration.
  yield 3 * word * len(graph.tensors), word
  yield (align(6 * word + INT, word) + word) * len(operators), word
  kinds = [OPERATORS[operator.code] for operator in operators]
  for kind in kinds:
    if kind.parameters:
      yield kind.parameters(machine)
  for kind in kinds:
    yield kind.state(machine), ALIGNMENT
  for kind, operator in zip(kinds, operators):
    if kind.per_channel:
      # A multiplier and a shift for every channel.
      size = INT * graph.tensors[operator.inputs[2]].shape[0]
      yield size, ALIGNMENT
      yield size, ALIGNMENT
  # Where each scratch buffer is.
  yield word * sum(len(_scratch(graph, x)) for x in operators), word
  for _ in ("input", "output"):
    yield from _end(machine)


def _fixed(machine: Machine) -> tuple[int, ...]:
  """Returns the bytes of the structures of every network, in order."""
  word = machine.pointer
  # Two virtual tables, five addresses, a check sum and a count.
  arena = align(8 * word + INT, word)
  # Virtual table, four arrays and the offsets; four counts and a flag.
  planner = 6 * word + 4 * INT + word
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


def _end(machine: Machine) -> list[tuple[int, int]]:
  """Returns (bytes, alignment) of what is kept of the input or output."""
  word, enum = machine.pointer, machine.enum
  # How it is quantized, scale and zero point; numbers, shape and size; type,
  # kind of allocation, and a flag.
  tensor = 2 * word + 2 * INT + 3 * word + align(2 * enum + 1, word)
  return [(word, ALIGNMENT), (tensor, word), (3 * word, word), (2 * INT, INT)]
