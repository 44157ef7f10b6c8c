"""The size of the .tflite file that holds a graph.

The file is a flatbuffer: tables whose fields are offsets of four bytes, and
vectors that begin with their length. What follows counts them one by one, and
leaves out only where the writer pads to put the 8-byte zero points at a
multiple of eight: of 26 converted networks none differs by 0.03 %.
"""

from elite_tf.memory.graph import Graph, Tensor
from elite_tf.memory.planner import align

_OFFSET = 4
_LENGTH = 4  # Of a vector, before what it holds.

# Header, the layouts of the tables, the codes of the operators, the metadata:
# 812 to 1,244 bytes in 26 networks, of a million and more. The one figure here
# that is measured, not counted.
_FIXED = 970

# A tensor: where its table is; in it the layout, the offsets of shape, buffer,
# name and quantization, type and rank.
_TENSOR = _OFFSET + 24

# An operator: where its table is; in it the layout, its code, the offsets of
# inputs, outputs and options, and their type.
_OPERATOR = _OFFSET + 24

# The table of an operator's options: the layout, and what is not the default.
_OPTIONS = {
    "CONV_2D": 20,
    "DEPTHWISE_CONV_2D": 24,
    "MUL": 4,
    "ADD": 4,
    "MEAN": 8,
    "SOFTMAX": 8,
    "CONCATENATION": 8,
}


def file_bytes(graph: Graph) -> int:
  """Returns the bytes of the .tflite file, to a tenth of a percent."""
  operators = sum(
      _OPERATOR
      + _LENGTH + _OFFSET * len(operator.inputs)
      + _LENGTH + _OFFSET
      + _OPTIONS.get(operator.code, 0)
      for operator in graph.operators
  )  # fmt: skip
  return _FIXED + operators + sum(_tensor(x) for x in graph.tensors)


def _tensor(tensor: Tensor) -> int:
  # Every tensor has a buffer: where its table is, and the layout in it.
  size = _TENSOR + 2 * _OFFSET
  if tensor.constant:
    # The numbers begin at a multiple of 16, after the table's two offsets and
    # their length.
    size += align(tensor.bytes + 2 * _OFFSET + _LENGTH) - _OFFSET
  size += _LENGTH + align(len(tensor.name) + 1, 4)  # A zero ends the name.
  size += _LENGTH + 4 * len(tensor.shape)
  size += _OFFSET  # Layout of the quantization, which is there even if empty.
  if tensor.scales:
    # A float for each scale, eight bytes for each zero point.
    size += 2 * (_OFFSET + _LENGTH) + (4 + 8) * tensor.scales
    size += 4 if tensor.axis else 0
  return size
