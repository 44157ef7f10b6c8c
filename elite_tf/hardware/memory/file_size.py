"""The size of the .tflite file that holds a graph.

The file is a flatbuffer as `elite_tf.conversion.tflite.flatbuffer.pack` writes
it: tables, whose fields are offsets of four bytes and values that are not the
default, and vectors, which begin with their length. Equal vectors of several
numbers are written once.
"""

from elite_tf.hardware.memory.graph import Graph, Operator
from elite_tf.hardware.memory.operators import OPERATORS
from elite_tf.hardware.memory.planner import align

_OFFSET = 4
_LENGTH = 4  # Of a vector, before what it holds.

# Header, layouts of the tables, codes of the operators, metadata. The only
# figure here that is measured, not counted.
_FIXED = 860

# A tensor's table: layout, offsets of shape, buffer, name and quantization,
# type and rank.
_TENSOR = 28

# A tensor's name is its number: three digits and a terminating zero.
_NAME = _LENGTH + 4

# The table of a tensor's quantization: layout, offsets of scales and of zero
# points.
_QUANTIZATION = 12

# The offset of a tensor's buffer, and the layout of the buffer's table.
_BUFFER = 2 * _OFFSET

# The offset of an operator's table; in the table: layout, offsets of inputs and
# outputs.
_OPERATOR = _OFFSET + 12

# In an operator's table: the index of its code, if not 0; the offset of its
# options and their type.
_CODE, _OPTIONS_OFFSET = 4, 8


def file_bytes(graph: Graph) -> int:
  """Returns the bytes of the .tflite file, to a tenth of a percent."""
  first = graph.operators[0].code
  # The offsets of the tables of tensors and buffers, and the latter's layouts.
  size = (_OFFSET + _BUFFER) * len(graph.tensors)
  return (
    _FIXED
    + size
    + sum(_operator(operator, first) for operator in graph.operators)
    + _tensors(graph)
    + sum(
      # The data begin at a multiple of 16, after the offset in the buffer's
      # table and their length.
      align(tensor.bytes + _BUFFER + _LENGTH) - _OFFSET
      for tensor in graph.tensors
      if tensor.constant
    )
  )


def _vector(count: int, item: int = 4) -> int:
  return _LENGTH + item * count


def _operator(operator: Operator, first: str) -> int:
  size = _OPERATOR + _vector(len(operator.inputs)) + _vector(1)
  if operator.code != first:
    size += _CODE
  options = OPERATORS[operator.code].options
  if options is not None:
    size += _OPTIONS_OFFSET + options
  return size


def _tensors(graph: Graph) -> int:
  """Returns the bytes of all tensors without their data."""
  size = 0
  written: set[object] = set()  # Vectors of several numbers.
  for tensor in graph.tensors:
    size += _TENSOR + _NAME
    if len(tensor.shape) == 1 or tensor.shape not in written:
      written.add(tensor.shape)
      size += _vector(len(tensor.shape))
    # A tensor that is not quantized has a table too, of its layout only.
    size += _QUANTIZATION if tensor.scales else _OFFSET
    size += 4 if tensor.axis else 0  # Zero is the default.
    if tensor.scales:
      size += _vector(tensor.scales)
      if tensor.scales == 1 or tensor.scales not in written:
        written.add(tensor.scales)
        # Zero points have eight bytes and begin at a multiple of eight.
        size = align(size + 8 * tensor.scales, 8) + _LENGTH
  return size
