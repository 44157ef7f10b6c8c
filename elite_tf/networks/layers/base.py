"""What the package has to know about one kind of layer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from elite_tf.types import Cost, Layer

if TYPE_CHECKING:
  import keras


class ForeignLayer(Exception):
  """A Keras layer that the package does not have; says what it must be."""


class ByKernel(NamedTuple):
  """One figure for each kernel that dominates the time of an inference.

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
  """A tensor of an operator graph, with the batch axis in its shape."""

  @property
  def shape(self) -> tuple[int, ...]:
    """Sizes of its axes; the first is the batch."""


class OperatorGraph(Protocol):
  """The TensorFlow Lite graph that layers are added to, in their order.

  `elite_tf.hardware.memory.graph` implements it.
  """

  def inputs(self, layer: Layer) -> list[Tensor]:
    """Returns the tensors that the layer takes."""

  def skip(self, layer: Layer) -> Tensor:
    """Returns the second tensor that the layer takes.

    Where a map has one pixel, the converter makes a vector of it.
    """

  def constant(self, purpose: str, values: tuple[int, ...]) -> Tensor:
    """Returns the int32 constant of these values, one for each purpose."""

  def operate(
    self, code: str, inputs: Sequence[Tensor], shape: tuple[int, ...]
  ) -> Tensor:
    """Adds an operator and returns its output.

    Args:
      code: Name in TensorFlow Lite's schema, a key of
        `elite_tf.hardware.memory.operators.OPERATORS`.
      inputs: What it takes.
      shape: Of its output; the batch axis is added to three axes.
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
      source: What it takes.
      kernel: Shape of the kernel.
      shape: Of its output.
      axis: Axis of the kernel that has a scale for each channel.
    """


def no_cost(layer: Layer, channels_in: int) -> Cost:
  """Returns the cost of a layer without weights."""
  return Cost(0, 0)


def no_fields(config: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the fields of a layer that has none but inputs and shape."""
  return {}


def no_work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
  """Returns the work of a layer that takes no time on a board."""
  return ByKernel()


def unchanged(graph: OperatorGraph, layer: Layer) -> Tensor:
  """Lowers a layer of which the converter leaves nothing."""
  return graph.inputs(layer)[0]


def operator(code: str) -> Callable[[OperatorGraph, Layer], Tensor]:
  """Returns the lowering to one operator that takes what the layer takes."""
  return lambda graph, layer: graph.operate(
    code, graph.inputs(layer), layer.shape
  )


def passes(
  elementwise: int = 0, logistic: int = 0
) -> Callable[[Layer, tuple[int, ...]], ByKernel]:
  """Returns the work of so many passes over a layer's output."""

  def work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
    elements = math.prod(layer.shape)
    return ByKernel(
      elementwise=elementwise * elements, logistic=logistic * elements
    )

  return work


def require(met: bool, wanted: str) -> None:
  """Checks a Keras layer's configuration.

  Args:
    met: Whether it is as the package has it.
    wanted: What the layer must be: "its layer NAME must be ...".

  Raises:
    ForeignLayer: It is not.
  """
  if not met:
    raise ForeignLayer(wanted)


@dataclasses.dataclass(frozen=True)
class LayerKind:
  """One kind of layer: how it is priced, built, read back and predicted.

  Attributes:
    op: `Layer.op` of its layers.
    keras_class: Class in `keras.layers` of its Keras layer.
    to_keras: Function of a layer -> its keras.layers.Layer, built with the
      layer's name. Imports Keras itself.
    function: `Layer.function` of its layers; only where `op` is "activation".
    cost: Function (layer, channels or features in) -> its cost.
    from_keras: Function of the configuration of a Keras layer of
      `keras_class` -> the fields of `Layer` besides name, inputs, shape, op and
      function. Raises `ForeignLayer` where the layer is of another kind.
    lower: Function (operator graph, layer) that adds the int8 operators into
      which the converter turns the layer, and returns its output.
    work: Function (layer, shape of its first input) -> what one inference has
      to do, an estimate.
    kernel: Attribute of the Keras layer that holds the kernel; empty for none.
    kernel_channels: Axis of the kernel that is the channels out.
    output_weights: Attributes of the Keras layer's weights that, multiplied
      by a factor for each channel, multiply the channels it makes.
    folds_batch_norm: Whether the converter folds a batch norm into it that is
      alone in reading it.
    training_only: Whether it passes its input on but in training.
    linear: Whether a positive factor for each channel passes it:
      f(s x) = s f(x).
    fused: Whether the operator before it computes it, for no operator.
    fixed_scale: Whether TensorFlow Lite fixes the scale of its int8 output.
    full_precision: Whether it computes in float32 where networks are trained
      in a lower precision.
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
    """The key in `LAYER_KINDS`: an activation's function, else the op."""
    return self.function or self.op
