"""The int8 graph that the converter makes of a plan, operator by operator.

What it does to the rows, as read from converted networks: batch norm is folded
into the convolution before it, and so is ReLU6; swish becomes LOGISTIC and MUL;
a dense layer is a convolution of one pixel between two RESHAPEs; dropping
leaves no trace. Where a map has one pixel, its mean over the pixels is left
out, and the skip past a block is made a vector by a RESHAPE.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from elite_tf.spec import Layer

ITEM_BYTES = {"int8": 1, "int32": 4}


class Tensor(NamedTuple):
  """A tensor of the graph.

  Attributes:
    name: As the converter makes it; it stands in the file.
    shape: With the batch axis, which is 1.
    dtype: "int8" or "int32".
    scales: Number of scales that it is quantized by, one a channel for weights.
    constant: Whether its numbers stand in the file.
    axis: Of the shape, which one the scales are for.
  """

  name: str
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


def lower(layers: Iterable[Layer], name: str = "") -> Graph:
  """Returns the graph that the converter makes of a plan.

  Args:
    layers: Rows of a plan, inputs before outputs, the input first.
    name: Name of the network; it is part of every tensor's name.
  """
  rows = tuple(layers)
  lowering = _Lowering(rows, name)
  for row in rows[1:]:
    lowering.row = row.name
    lowering.finish(row, _OPERATIONS[_kind(row)](lowering, row))
  return lowering.graph()


def _kind(row: Layer) -> str:
  """How the row is lowered: by what it computes."""
  return row.function if row.op == "activation" else row.op


class _Lowering:
  """Collects the tensors and operators of a graph."""

  def __init__(self, rows: tuple[Layer, ...], name: str):
    self._scope = f"{name}_1/" if name else ""
    self.row = ""  # The one that is being lowered.
    self._operators: list[tuple[str, tuple[Tensor, ...], Tensor, str]] = []
    self._numbers: dict[tuple[str, tuple[int, ...]], Tensor] = {}
    self._weights: list[Tensor] = []
    self._image = Tensor(rows[0].name, (1, *rows[0].shape))
    self.output = {rows[0].name: self._image}
    self._vector: dict[Tensor, Tensor] = {}
    # What becomes part of a convolution, by the name of the row before it.
    self.norms = {x.inputs[0]: x for x in rows if x.op == "batch_norm"}
    self._clips = {x.inputs[0]: x for x in rows if x.function == "relu6"}
    # Adds past blocks whose maps have one pixel, by the row they start from.
    self._skips = {
        x.inputs[1]: x for x in rows if x.op == "add" and x.shape[:2] == (1, 1)
    }

  def finish(self, row: Layer, output: Tensor) -> None:
    """Notes the output of a row, and makes a vector of it for its skip."""
    self.output[row.name] = output
    if row.name in self._skips:
      name = self.name(self._skips[row.name].name, "Squeeze")
      shape = row.shape[-1:]
      self._vector[output] = self.operate(
          "RESHAPE", (output, self.numbers("shape", shape)), shape, name + "1"
      )

  def skip(self, row: Layer) -> Tensor:
    """Returns what an add has as its second input."""
    start = self.output[row.inputs[1]]
    return self._vector.get(start, start)

  def name(self, *parts: str) -> str:
    """Returns a tensor's name: of each part, the row and what it computes."""
    pairs = zip(parts[::2], parts[1::2])
    return ";".join([f"{self._scope}{row}_1/{what}" for row, what in pairs])

  def numbers(self, kind: str, values: tuple[int, ...]) -> Tensor:
    """Returns the constant of these numbers; equal ones of a kind are one."""
    constant = Tensor("arith.constant1", (len(values),), "int32", 0, True)
    return self._numbers.setdefault((kind, values), constant)

  def operate(self, code: str, inputs, shape, name: str) -> Tensor:
    """Adds an operator and returns its output."""
    output = Tensor(name, (1, *shape) if len(shape) == 3 else shape)
    self._operators.append((code, tuple(inputs), output, self.row))
    return output

  def convolve(
      self, code: str, source: Tensor, row: Layer, kernel, parts, shape
  ) -> Tensor:
    """Adds a convolution with its bias, clipped if ReLU6 follows.

    Args:
      code: The operator.
      source: Its input.
      row: The row that it is made of.
      kernel: The tensor of its weights.
      parts: Rows and what they compute, of which the bias is made.
      shape: Of its output.
    """
    end = self.norms.get(row.name, row).name
    if end in self._clips:
      parts = (self._clips[end].name, "Relu6", *parts)
    name = self.name(*parts)
    bias = Tensor(name, shape[-1:], "int32", shape[-1], True)
    self._weights += [kernel, bias]
    return self.operate(code, (source, kernel, bias), shape, name + "1")

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
  kernel = Tensor(
      lowering.name(row.name, "convolution"),
      (channels, row.kernel, row.kernel, source.shape[-1]),
      scales=channels,
      constant=True,
  )
  norm = lowering.norms.get(row.name)
  if norm:
    parts = (norm.name, "batchnorm/add_1", row.name, "convolution",
             norm.name, "batchnorm/sub")  # fmt: skip
  else:
    parts = (row.name, "BiasAdd", row.name, "convolution", row.name, "Squeeze")
  return lowering.convolve("CONV_2D", source, row, kernel, parts, row.shape)


def _depthwise(lowering: _Lowering, row: Layer) -> Tensor:
  norm = lowering.norms[row.name].name
  channels = row.shape[-1]
  scaled = (norm, "batchnorm/mul_1", row.name, "depthwise",
            norm, "batchnorm/mul")  # fmt: skip
  kernel = Tensor(
      lowering.name(*scaled),
      (1, row.kernel, row.kernel, channels),
      scales=channels,
      constant=True,
      axis=3,
  )
  parts = (norm, "batchnorm/add_1", *scaled, norm, "batchnorm/sub")
  return lowering.convolve(
      "DEPTHWISE_CONV_2D",
      lowering.output[row.inputs[0]],
      row,
      kernel,
      parts,
      row.shape,
  )


def _dense(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  features, units = source.shape[-1], row.shape[-1]
  pixel = lowering.operate(
      "RESHAPE",
      (source, lowering.numbers("shape", (1, 1, 1, features))),
      (1, 1, features),
      lowering.name(row.name, "Reshape"),
  )
  kernel = Tensor(
      lowering.name(row.name, "convolution"),
      (units, 1, 1, features),
      scales=units,
      constant=True,
  )
  parts = (row.name, "BiasAdd", row.name, "convolution",
           row.name, "BiasAdd/ReadVariableOp/resource")  # fmt: skip
  output = lowering.convolve(
      "CONV_2D", pixel, row, kernel, parts, (1, 1, units)
  )
  return lowering.operate(
      "RESHAPE",
      (output, lowering.numbers("shape", (1, units))),
      (1, units),
      lowering.name(row.name, "Reshape_2"),
  )


def _mean(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  if source.shape[1:] == row.shape:  # One pixel is its own mean.
    return source
  shape = row.shape if len(row.shape) == 3 else (1, *row.shape)
  axes = lowering.numbers("axes", (1, 2))
  name = lowering.name(row.name, "Mean")
  return lowering.operate("MEAN", (source, axes), shape, name)


def _swish(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  gate = _sigmoid(lowering, row)
  name = lowering.name(row.name, "mul_1")
  return lowering.operate("MUL", (source, gate), row.shape, name)


def _sigmoid(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  name = lowering.name(row.name, "Sigmoid")
  return lowering.operate("LOGISTIC", (source,), row.shape, name)


def _hard_swish(lowering: _Lowering, row: Layer) -> Tensor:
  name = lowering.name(
      row.name, "mul", row.name, "Relu6", row.name, "add", row.name, "truediv"
  )
  source = lowering.output[row.inputs[0]]
  return lowering.operate("HARD_SWISH", (source,), row.shape, name)


def _softmax(lowering: _Lowering, row: Layer) -> Tensor:
  source = lowering.output[row.inputs[0]]
  return lowering.operate("SOFTMAX", (source,), (1, *row.shape), "Identity")


def _multiply(lowering: _Lowering, row: Layer) -> Tensor:
  inputs = [lowering.output[name] for name in row.inputs]
  name = lowering.name(row.name, "Mul")
  return lowering.operate("MUL", inputs, row.shape, name)


def _add(lowering: _Lowering, row: Layer) -> Tensor:
  inputs = (lowering.output[row.inputs[0]], lowering.skip(row))
  vector = len(inputs[1].shape) == 1
  name = lowering.name(row.name, "BiasAdd" if vector else "Add")
  return lowering.operate("ADD", inputs, row.shape, name)


def _concatenate(lowering: _Lowering, row: Layer) -> Tensor:
  inputs = [lowering.output[name] for name in row.inputs]
  name = lowering.name(row.name, "concat")
  return lowering.operate("CONCATENATION", inputs, row.shape, name)


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
    "sigmoid": _sigmoid,
    "hard_swish": _hard_swish,
    "softmax": _softmax,
    "multiply": _multiply,
    "add": _add,
    "concatenate": _concatenate,
}
