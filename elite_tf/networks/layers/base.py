"""`LayerKind`: everything that the package knows about one kind of layer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from elite_tf.types import Cost, Layer

if TYPE_CHECKING:
  import keras


class ForeignLayer(Exception):
  """A Keras layer that is of no kind; the text says what it must be."""


class ByKernel(NamedTuple):
  """One figure for each kind of kernel that takes time in an inference.

  Attributes:
    conv_1x1: For multiply-accumulates of convolutions of one pixel.
    conv_kxk: For multiply-accumulates of larger convolutions.
    depthwise: For multiply-accumulates of depthwise convolutions.
    dense: For multiply-accumulates of dense layers.
    elementwise: For elements of sums, products and means.
    logistic: For elements of sigmoids; swish is a sigmoid and a product.
  """

  conv_1x1: float = 0
  conv_kxk: float = 0
  depthwise: float = 0
  dense: float = 0
  elementwise: float = 0
  logistic: float = 0


class Tensor(Protocol):
  """A tensor of an operator graph."""

  @property
  def shape(self) -> tuple[int, ...]:
    """Its shape with the batch axis, which is 1."""


class OperatorGraph(Protocol):
  """A TensorFlow Lite graph to which layers are added in their order.

  `elite_tf.hardware.memory.graph` implements it.
  """

  def inputs(self, layer: Layer) -> list[Tensor]:
    """Returns the input tensors of a layer."""

  def skip(self, layer: Layer) -> Tensor:
    """Returns the second input of an add.

    Of a map of one pixel, the converter makes a vector.
    """

  def constant(self, purpose: str, values: tuple[int, ...]) -> Tensor:
    """Returns the int32 constant of these values, one tensor per purpose."""

  def operate(
    self, code: str, inputs: Sequence[Tensor], shape: tuple[int, ...]
  ) -> Tensor:
    """Adds an operator and returns its output.

    Args:
      code: Name in TensorFlow Lite's schema, a key of
        `elite_tf.hardware.memory.operators.OPERATORS`.
      inputs: Its input tensors.
      shape: Of its output; a shape of three axes gets a batch axis.
    """

  def convolve(
    self,
    code: str,
    source: Tensor,
    kernel: tuple[int, ...],
    shape: tuple[int, ...],
    axis: int = 0,
  ) -> Tensor:
    """Adds an operator with kernel and bias and returns its output.

    Args:
      code: As for `operate`.
      source: Its input tensor.
      kernel: Shape of the kernel.
      shape: Of its output.
      axis: Axis of the kernel with one scale per channel.
    """


def no_cost(layer: Layer, channels_in: int) -> Cost:
  """Returns the cost of a layer without weights."""
  return Cost(0, 0)


def no_fields(config: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the fields of a layer that has inputs and shape only."""
  return {}


def no_work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
  """Returns the work of a layer that takes no time on a board."""
  return ByKernel()


def unchanged(graph: OperatorGraph, layer: Layer) -> Tensor:
  """Lowers a layer that becomes no operator."""
  return graph.inputs(layer)[0]


def operator(code: str) -> Callable[[OperatorGraph, Layer], Tensor]:
  """Returns the lowering to one operator with the layer's inputs."""
  return lambda graph, layer: graph.operate(
    code, graph.inputs(layer), layer.shape
  )


def passes(
  elementwise: int = 0, logistic: int = 0
) -> Callable[[Layer, tuple[int, ...]], ByKernel]:
  """Returns the work of passes over a layer's output.

  Args:
    elementwise: Number of passes of sums or products.
    logistic: Number of passes of sigmoids.
  """

  def work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
    elements = math.prod(layer.shape)
    return ByKernel(
      elementwise=elementwise * elements, logistic=logistic * elements
    )

  return work


def require(met: bool, wanted: str) -> None:
  """Checks a condition on a Keras layer's configuration.

  Args:
    met: The condition.
    wanted: What the layer must be, for the error: "must be ...".

  Raises:
    ForeignLayer: The condition is not met.
  """
  if not met:
    raise ForeignLayer(wanted)


@dataclasses.dataclass(frozen=True)
class LayerKind:
  """One kind of layer: how it is priced, built, read back and predicted.

  Only `op`, `keras_class` and `to_keras` must be given. The defaults are those
  of a layer without weights that becomes no operator and takes no time.

  Attributes:
    op: `Layer.op` of its layers.
    keras_class: Name of the class of its Keras layer in `keras.layers`.
    to_keras: Function of a layer -> keras.layers.Layer with the layer's name.
      Keras is imported inside, so that planning does not load it.
    function: `Layer.function` of its layers, if `op` is "activation".
    cost: Function (layer, channels or features in) -> its cost.
    from_keras: Function of the configuration of a Keras layer of
      `keras_class` -> the fields of `Layer` except name, inputs, shape, op and
      function. Raises `ForeignLayer` if the layer is of another kind.
    lower: Function (operator graph, layer) that adds the int8 operators that
      the converter makes of the layer, and returns the output tensor.
    work: Function (layer, shape of its first input) -> estimated work of one
      inference.
    kernel: Attribute of the Keras layer that holds the kernel; empty for none.
    kernel_channels: Axis of the kernel's output channels.
    output_weights: Attributes of the Keras layer that hold weights; multiplied
      by a factor per output channel, they multiply the output by it.
    folds_batch_norm: Whether the converter folds a batch norm into the layer,
      if nothing else reads the layer.
    training_only: Whether the layer is the identity except in training.
    linear: Whether f(s x) = s f(x) for a positive factor s per channel.
    fused: Whether the operator before the layer computes it.
    fixed_scale: Whether TensorFlow Lite fixes the scale of its int8 output.
    full_precision: Whether the layer computes in float32 when a network is
      trained in a lower precision.
  """

  op: str
  keras_class: str
  to_keras: Callable[[Layer], keras.layers.Layer]
  function: str = ""
  cost: Callable[[Layer, int], Cost] = no_cost
  from_keras: Callable[[Mapping[str, Any]], dict[str, Any]] = no_fields
  lower: Callable[[OperatorGraph, Layer], Tensor] = unchanged
  work: Callable[[Layer, tuple[int, ...]], ByKernel] = no_work
  kernel: str = ""
  kernel_channels: int = -1
  output_weights: tuple[str, ...] = ()
  folds_batch_norm: bool = False
  training_only: bool = False
  linear: bool = False
  fused: bool = False
  fixed_scale: bool = False
  full_precision: bool = False

  @property
  def name(self) -> str:
    """Key in `LAYER_KINDS`: the function of an activation, otherwise the op."""
    return self.function or self.op
