"""The int8 graph that the converter makes of a plan, operator by operator.

What it does to the rows, as read from converted networks: batch norm is folded
into the convolution before it, and so is ReLU6; swish becomes LOGISTIC and MUL;
a dense layer is a convolution of one pixel between two RESHAPEs; dropping
leaves no trace. Where a map has one pixel, its mean over the pixels is left
out, and the skip past a block is made a vector by a RESHAPE.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from elite_tf.types import Layer

ITEM_BYTES = {"int8": 1, "int32": 4}


class Tensor(NamedTuple):
  """A tensor of the graph.

  Attributes:
    shape: With the batch axis, which is 1.
    dtype: "int8" or "int32".
    scales: Number of scales that it is quantized by, one a channel for weights.
    constant: Whether its numbers stand in the file.
    axis: Of the shape, which one the scales are for.
  """

  shape: tuple[int, ...]
  dtype: str = "int8"
  scales: int = 1
  constant: bool = False
  axis: int = 0

  @property
  def bytes(self) -> int:
    """Bytes of its numbers."""
    return math.prod(self.shape) * ITEM_BYTES[self.dtype]


class Operator(NamedTuple):
  """An operator of the graph.

  Attributes:
    code: Its name in TensorFlow Lite's schema.
    inputs: Positions of the tensors that it takes.
    output: Position of the tensor that it gives.
    row: Name of the row that it is made of.
  """

  code: str
  inputs: tuple[int, ...]
  output: int
  row: str = ""


class Graph(NamedTuple):
  """The graph of a network.

  Attributes:
    tensors: The input, the constants, and the outputs of the operators in
      their order: the order in which the planner is given them.
    operators: In the order of execution.
  """

  tensors: tuple[Tensor, ...]
  operators: tuple[Operator, ...]


def lower(layers: Iterable[Layer]) -> Graph:
  """Returns the graph that the converter makes of a plan.

  Args:
    layers: Rows of a plan, inputs before outputs, the input first.
  """
  rows = tuple(layers)
  lowering = _Lowering(rows)
  for row in rows[1:]:
    lowering.row = row.name
    lowering.finish(row, _OPERATIONS[_kind(row)](lowering, row))
  return lowering.graph()


def _kind(row: Layer) -> str:
  """How the row is lowered: by what it computes."""
  return row.function if row.op == "activation" else row.op


class _Lowering:
  """Collects the tensors and operators of a graph."""

  def __init__(self, rows: tuple[Layer, ...]):
    self.row = ""  # The one that is being lowered.
    self._operators: list[tuple[str, tuple[Tensor, ...], Tensor, str]] = []
    self._numbers: dict[tuple[str, tuple[int, ...]], Tensor] = {}
    self._weights: list[Tensor] = []
    self._image = Tensor((1, *rows[0].shape))
    self.output = {rows[0].name: self._image}
    # Vectors of maps of one pixel, by the row that gives the map.
    self._vector: dict[str, Tensor] = {}
    # Where adds past blocks start whose maps have one pixel.
    self._skipped = {
      x.inputs[1] for x in rows if x.op == "add" and x.shape[:2] == (1, 1)
    }

  def finish(self, row: Layer, output: Tensor) -> None:
    """Notes the output of a row, and makes a vector of it for its skip."""
    self.output[row.name] = output
    if row.name in self._skipped:
      shape = row.shape[-1:]
      self._vector[row.name] = self.operate(
        "RESHAPE", (output, self.numbers("shape", shape)), shape
      )

  def skip(self, row: Layer) -> Tensor:
    """Returns what an add has as its second input."""
    start = row.inputs[1]
    return self._vector.get(start, self.output[start])

  def numbers(self, kind: str, values: tuple[int, ...]) -> Tensor:
    """Returns the constant of these numbers; equal ones of a kind are one."""
    constant = Tensor((len(values),), "int32", 0, True)
    return self._numbers.setdefault((kind, values), constant)

  def operate(self, code: str, inputs, shape) -> Tensor:
    """Adds an operator and returns its output."""
    output = Tensor((1, *shape) if len(shape) == 3 else shape)
    self._operators.append((code, tuple(inputs), output, self.row))
    return output

  def convolve(
    self, code: str, source: Tensor, kernel: Tensor, shape
  ) -> Tensor:
    """Adds a convolution with its bias and returns its output."""
    bias = Tensor(shape[-1:], "int32", shape[-1], True)
    self._weights += [kernel, bias]
    return self.operate(code, (source, kernel, bias), shape)

  def graph(self) -> Graph:
    """Returns all of it: the weights stand in the file last to first."""
    tensors = (
      self._image,
      *self._numbers.values(),
      *reversed(self._weights),
      *(output for _, _, output, _ in self._operators),
    )
    # By identity: two tensors may well be equal.
    position = {id(tensor): index for index, tensor in enumerate(tensors)}
    return Graph(
      tensors,
      tuple(
        Operator(
          code,
          tuple(position[id(x)] for x in inputs),
          position[id(output)],
          row,
        )
        for code, inputs, output, row in self._operators
      ),
    )


def _same(lowering: _Lowering, row: Layer) -> Tensor:
  return lowering.output[row.inputs[0]]


def _conv(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  channels = row.shape[-1]
  shape = (channels, row.kernel, row.kernel, source.shape[-1])
  kernel = Tensor(shape, scales=channels, constant=True)
  return lowering.convolve("CONV_2D", source, kernel, row.shape)


def _depthwise(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  channels = row.shape[-1]
  shape = (1, row.kernel, row.kernel, channels)
  kernel = Tensor(shape, scales=channels, constant=True, axis=3)
  return lowering.convolve("DEPTHWISE_CONV_2D", source, kernel, row.shape)


def _dense(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  features, units = source.shape[-1], row.shape[-1]
  shape = lowering.numbers("shape", (1, 1, 1, features))
  pixel = lowering.operate("RESHAPE", (source, shape), (1, 1, features))
  kernel = Tensor((units, 1, 1, features), scales=units, constant=True)
  output = lowering.convolve("CONV_2D", pixel, kernel, (1, 1, units))
  shape = lowering.numbers("shape", (1, units))
  return lowering.operate("RESHAPE", (output, shape), (1, units))


def _mean(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  if source.shape[1:] == row.shape:  # One pixel is its own mean.
    return source
  shape = row.shape if len(row.shape) == 3 else (1, *row.shape)
  return lowering.operate(
    "MEAN", (source, lowering.numbers("axes", (1, 2))), shape
  )


def _swish(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  gate = _of_all("LOGISTIC")(lowering, row)
  return lowering.operate("MUL", (source, gate), row.shape)


def _softmax(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  return lowering.operate("SOFTMAX", (source,), (1, *row.shape))


def _add(lowering: _Lowering, row: Layer) -> Tensor:
  inputs = (lowering.output[row.inputs[0]], lowering.skip(row))
  return lowering.operate("ADD", inputs, row.shape)


def _of_all(code: str) -> Callable[[_Lowering, Layer], Tensor]:
  """Returns the lowering to one operator that takes what the row takes."""

  def lower_row(lowering: _Lowering, row: Layer) -> Tensor:
    inputs = [lowering.output[name] for name in row.inputs]
    return lowering.operate(code, inputs, row.shape)

  return lower_row


# Lowers a row, by its kind of operation or, of an activation, its function.
_OPERATIONS = {
  "batch_norm": _same,
  "dropout": _same,
  "stochastic_depth": _same,
  "relu6": _same,
  "conv": _conv,
  "depthwise": _depthwise,
  "dense": _dense,
  "mean": _mean,
  "swish": _swish,
  "sigmoid": _of_all("LOGISTIC"),
  "hard_swish": _of_all("HARD_SWISH"),
  "softmax": _softmax,
  "multiply": _of_all("MUL"),
  "add": _add,
  "concatenate": _of_all("CONCATENATION"),
}
