"""The int8 graph that the converter makes of a network, operator by operator.

As read from converted networks: batch norm and ReLU6 are folded into the
convolution before them; swish becomes LOGISTIC and MUL; a dense layer becomes a
convolution of one pixel between two RESHAPEs; dropout becomes nothing. For a
map of one pixel there is no mean over the pixels, and a RESHAPE makes it a
vector where it skips a block.

What becomes of a layer is in its kind, `elite_tf.networks.layers`.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from elite_tf.networks.layers import kind_of
from elite_tf.types import Layer

ITEM_BYTES = {"int8": 1, "int32": 4}


class Tensor(NamedTuple):
  """A tensor of the graph.

  Attributes:
    shape: Shape with the batch axis, which is 1.
    dtype: "int8" or "int32".
    scales: Number of its scales: one per channel for weights.
    constant: Whether its values are in the file.
    axis: Axis of the shape that the scales are for.
  """

  shape: tuple[int, ...]
  dtype: str = "int8"
  scales: int = 1
  constant: bool = False
  axis: int = 0

  @property
  def bytes(self) -> int:
    """Bytes of its values."""
    return math.prod(self.shape) * ITEM_BYTES[self.dtype]


class Operator(NamedTuple):
  """An operator of the graph.

  Attributes:
    code: Name in TensorFlow Lite's schema, a key of
      `elite_tf.hardware.memory.operators.OPERATORS`.
    inputs: Positions of its input tensors in `Graph.tensors`.
    output: Position of its output tensor.
    layer: Name of the layer that it is made from.
  """

  code: str
  inputs: tuple[int, ...]
  output: int
  layer: str = ""


class Graph(NamedTuple):
  """The graph of a network.

  Attributes:
    tensors: The input, the constants, and the outputs of the operators in
      their order; the planner gets them in this order.
    operators: The operators in the order of execution.
  """

  tensors: tuple[Tensor, ...]
  operators: tuple[Operator, ...]


def lower(layers: Iterable[Layer]) -> Graph:
  """Returns the graph that the converter makes of a network.

  Args:
    layers: The network's, inputs before outputs, the input first.

  Raises:
    ConfigError: It has an activation whose operators are not known.
  """
  layers = tuple(layers)
  lowering = _Lowering(layers)
  for layer in layers[1:]:
    lowering.add(layer)
  return lowering.graph()


class _Lowering:
  """Collects the tensors and operators of a graph, one layer at a time.

  It is the `elite_tf.networks.layers.base.OperatorGraph` of the layers' kinds.
  """

  def __init__(self, layers: tuple[Layer, ...]):
    self._layer = ""  # The layer that is being lowered.
    self._operators: list[tuple[str, tuple[Tensor, ...], Tensor, str]] = []
    self._constants: dict[tuple[str, tuple[int, ...]], Tensor] = {}
    self._weights: list[Tensor] = []
    self._image = Tensor((1, *layers[0].shape))
    self._output = {layers[0].name: self._image}
    # Vectors of maps of one pixel, by the layer that makes the map.
    self._vector: dict[str, Tensor] = {}
    # The layers where skips of blocks with maps of one pixel begin.
    self._skipped = {
      x.inputs[1] for x in layers if x.op == "add" and x.shape[:2] == (1, 1)
    }

  def add(self, layer: Layer) -> None:
    """Lowers a layer; makes a vector of its output if a skip needs one."""
    self._layer = layer.name
    output = self._output[layer.name] = kind_of(layer).lower(self, layer)
    if layer.name in self._skipped:
      shape = layer.shape[-1:]
      self._vector[layer.name] = self.operate(
        "RESHAPE", (output, self.constant("shape", shape)), shape
      )

  def inputs(self, layer: Layer) -> list[Tensor]:
    """Returns the tensors that a layer takes."""
    return [self._output[name] for name in layer.inputs]

  def skip(self, layer: Layer) -> Tensor:
    """Returns the second input of an add."""
    start = layer.inputs[1]
    return self._vector.get(start, self._output[start])

  def constant(self, purpose: str, values: tuple[int, ...]) -> Tensor:
    """Returns the constant of these values, one tensor for each purpose."""
    constant = Tensor((len(values),), "int32", 0, True)
    return self._constants.setdefault((purpose, values), constant)

  def operate(
    self, code: str, inputs: Sequence[Tensor], shape: tuple[int, ...]
  ) -> Tensor:
    """Adds an operator and returns its output."""
    output = Tensor((1, *shape) if len(shape) == 3 else shape)
    self._operators.append((code, tuple(inputs), output, self._layer))
    return output

  def convolve(
    self,
    code: str,
    source: Tensor,
    kernel: tuple[int, ...],
    shape: tuple[int, ...],
    axis: int = 0,
  ) -> Tensor:
    """Adds an operator with kernel and bias and returns its output."""
    channels = shape[-1]
    weights = Tensor(kernel, scales=channels, constant=True, axis=axis)
    bias = Tensor((channels,), "int32", channels, True)
    self._weights += [weights, bias]
    return self.operate(code, (source, weights, bias), shape)

  def graph(self) -> Graph:
    """Returns the graph; in the file, the weights are last to first."""
    tensors = (
      self._image,
      *self._constants.values(),
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
          layer,
        )
        for code, inputs, output, layer in self._operators
      ),
    )
