"""Fake quantization: a network that rounds in training as int8 will.

Kernels and outputs are rounded to the values that 8 bits can hold; gradients
pass as if nothing were rounded (Jacob et al., "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018, Section
3). The network is built of the same layers as every other
(`elite_tf.networks.layers`). The tests compare it with TensorFlow's model
optimization toolkit (tfmot), which computes the same in tf-keras. One thing
differs: tfmot validates with the range that a kernel had before the last update
of training, here it is always the kernel's own, as in the converted network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from elite_tf.conversion.quantize.folding import Weights
from elite_tf.networks.keras_layers import build_model, make_layer
from elite_tf.networks.layers import kind_of
from elite_tf.types import Layer

# Decay of the moving averages of an output's range, as in tfmot.
DECAY = 0.999

# An output's range before one is set, as in tfmot.
FIRST_RANGE = (-6.0, 6.0)


def _int8_sigmoid(x: tf.Tensor) -> tf.Tensor:
  """Returns the sigmoid, rounded to the 256 outputs of LOGISTIC in int8."""
  return tf.quantization.fake_quant_with_min_max_args(
    tf.sigmoid(x), 0.0, 255 / 256
  )


# Functions that int8 computes by LOGISTIC. Swish is LOGISTIC and a product.
INTEGER_FUNCTIONS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = {
  "sigmoid": _int8_sigmoid,
  "swish": lambda x: x * _int8_sigmoid(x),
}


class FakeQuantized(keras.layers.Layer):
  """A Keras layer whose kernel and output are rounded.

  Attributes:
    layer: The Keras layer.
    range: Variables (lowest, highest value) of the output, float32 scalars:
      moving averages over training batches. None if the output is not rounded.
  """

  def __init__(
    self,
    layer: keras.layers.Layer,
    kernel_channels: int | None,
    rounds_output: bool,
  ):
    """Wraps a layer.

    Args:
      layer: The Keras layer.
      kernel_channels: Axis of its kernel's output channels; None: no kernel.
      rounds_output: Whether its output is rounded.
    """
    super().__init__(name=layer.name)
    self.layer = layer
    self.range = None
    self._kernel_channels = kernel_channels
    self._rounds_output = rounds_output

  def build(self, input_shape):
    """Builds the layer, and the range of its output."""
    self.layer.build(input_shape)
    if self._rounds_output:
      self.range = tuple(
        self.add_weight(
          name=name,
          shape=(),
          initializer=keras.initializers.Constant(first),
          trainable=False,
        )
        for name, first in zip(("low", "high"), FIRST_RANGE)
      )

  def call(self, inputs, training=False):
    """Computes the rounded layer; in training, the range follows the output."""
    rounded = []
    if self._kernel_channels is not None:
      rounded = [(self.layer.kernel, self.rounded_kernel())]
    with keras.StatelessScope(rounded):  # The layer reads its kernel from here.
      outputs = self.layer(inputs)
    if self.range is None:
      return outputs
    low, high = self.range
    if training:
      # 0 is always within the range: int8 holds it exactly.
      _follow(low, tf.minimum(tf.reduce_min(outputs), 0.0))
      _follow(high, tf.maximum(tf.reduce_max(outputs), 0.0))
    return tf.quantization.fake_quant_with_min_max_vars(
      outputs, low.value, high.value
    )

  def rounded_kernel(self) -> tf.Tensor:
    """Returns the kernel in int8: per channel, symmetric, -127 to 127 steps.

    A step is 1/127 of the largest magnitude among the channel's weights.
    """
    kernel = tf.convert_to_tensor(self.layer.kernel)
    flat = tf.reshape(kernel, (-1, kernel.shape[self._kernel_channels]))
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(flat), axis=0))
    flat = tf.quantization.fake_quant_with_min_max_vars_per_channel(
      flat, -largest, largest, narrow_range=True
    )
    return tf.reshape(flat, kernel.shape)


def _follow(average: keras.Variable, value: tf.Tensor) -> None:
  average.assign_sub((average - value) * (1 - DECAY))


def has_range(layer: Layer, readers: list[Layer]) -> bool:
  """Returns whether a layer's output is an int8 tensor with a learned range.

  Args:
    layer: Of a folded network.
    readers: The layers that read it.
  """
  kind = kind_of(layer)
  if kind.fixed_scale:
    return False
  # One operator computes a convolution and the functions fused into it: only
  # their output is a tensor.
  fused = readers and all(kind_of(reader).fused for reader in readers)
  return not (kind.kernel and fused)


def build_student(layers: tuple[Layer, ...]) -> keras.Model:
  """Returns the network that computes as int8 will.

  Args:
    layers: Of a folded network, inputs before outputs.
  """
  readers = {layer.name: [] for layer in layers}
  for layer in layers:
    for source in layer.inputs:
      readers[source].append(layer)

  def make(layer: Layer) -> FakeQuantized:
    kind = kind_of(layer)
    return FakeQuantized(
      _make_integer_layer(layer),
      kind.kernel_channels if kind.kernel else None,
      has_range(layer, readers[layer.name]),
    )

  return build_model(layers, "student", make)


def _make_integer_layer(layer: Layer) -> keras.layers.Layer:
  if layer.function not in INTEGER_FUNCTIONS:
    return make_layer(layer)
  return keras.layers.Activation(
    INTEGER_FUNCTIONS[layer.function], name=layer.name
  )


def kernel_and_bias(
  student: keras.Model, name: str
) -> tuple[keras.Variable, keras.Variable]:
  """Returns the variables of a layer with a kernel.

  Args:
    student: Of `build_student`.
    name: The layer's.
  """
  layer = student.get_layer(name).layer
  return layer.kernel, layer.bias


def set_weights(student: keras.Model, weights: Weights) -> None:
  """Sets kernels and biases.

  Args:
    student: Of `build_student`.
    weights: As `elite_tf.conversion.quantize.folding.folded_weights` gives them.
  """
  for name, values in weights.items():
    for variable, value in zip(kernel_and_bias(student, name), values):
      variable.assign(value)


def get_weights(student: keras.Model, names: Iterable[str]) -> Weights:
  """Returns kernels and biases, by layer.

  Args:
    student: Of `build_student`.
    names: Of the layers with a kernel.
  """
  return {
    name: tuple(np.asarray(v) for v in kernel_and_bias(student, name))
    for name in names
  }


def output_ranges(student: keras.Model) -> dict[str, tuple]:
  """Returns the variables (lowest, highest value) of rounded outputs, by layer.

  Args:
    student: Of `build_student`.
  """
  return {
    layer.name: layer.range
    for layer in student.layers
    if getattr(layer, "range", None) is not None
  }
