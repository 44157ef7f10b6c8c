"""A network that rounds in training as its integers will: fake quantization.

Kernels and outputs are rounded to what 8 bits can hold, and gradients pass as
if they were not (Jacob et al., "Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference", 2018, Section 3). TensorFlow's
model optimization toolkit, which knows tf-keras only, computes the same: the
tests compare with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from elite_tf.conversion.quantize.folding import Weights
from elite_tf.networks.to_keras import BUILDERS, build_layers
from elite_tf.types import Layer

# Weight of the past in the moving averages of an output's range.
DECAY = 0.999

# An output's range before it is set, as in TensorFlow's toolkit.
FIRST_RANGE = (-6.0, 6.0)

# Operations with a kernel. Their output has no range of its own where only
# functions of FUSED read it, which the same operator computes.
KERNELS = frozenset({"conv", "depthwise", "dense"})
FUSED = frozenset({"relu", "relu6"})

# Functions whose output has a scale that the converter fixes.
FIXED = frozenset({"sigmoid", "softmax"})


def _sigmoid_in_int8(x: tf.Tensor) -> tf.Tensor:
  """Computes the sigmoid with the 256 values that LOGISTIC can answer."""
  return tf.quantization.fake_quant_with_min_max_args(
    tf.sigmoid(x), 0.0, 255 / 256
  )


# Functions that int8 computes by LOGISTIC; swish is two operators.
INTEGER_FUNCTIONS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = {
  "sigmoid": _sigmoid_in_int8,
  "swish": lambda x: x * _sigmoid_in_int8(x),
}

_BUILDERS = {
  **BUILDERS,
  "activation": lambda layer: keras.layers.Activation(
    INTEGER_FUNCTIONS.get(layer.function, layer.function), name=layer.name
  ),
  "concatenate": lambda layer: keras.layers.Concatenate(name=layer.name),
}


class FakeQuantized(keras.layers.Layer):
  """A Keras layer with rounded kernel and output.

  Attributes:
    layer: The layer.
    range: Variables (lowest, highest value) of the output, float32 scalars:
      moving averages over training batches; None where it is not rounded.
  """

  def __init__(self, layer: keras.layers.Layer, rounds_output: bool):
    super().__init__(name=layer.name)
    self.layer = layer
    self.range = None
    self._rounds_output = rounds_output

  def build(self, input_shape):
    """Builds the layer, and the range of its output."""
    self.layer.build(input_shape)
    if self._rounds_output:
      self.range = tuple(
        self.add_weight(name=name, shape=(), initializer=first, trainable=False)
        for name, first in zip(
          ("low", "high"), map(keras.initializers.Constant, FIRST_RANGE)
        )
      )

  def call(self, inputs, training=False):
    """Computes the layer, rounded; training moves the output's range."""
    kernel = getattr(self.layer, "kernel", None)
    rounded = [] if kernel is None else [(kernel, rounded_kernel(self.layer))]
    with keras.StatelessScope(rounded):  # It reads its kernel from here.
      outputs = self.layer(inputs)
    if self.range is None:
      return outputs
    low, high = self.range
    if training:
      # 0 is always within: integers have a number for it.
      _move(low, tf.minimum(tf.reduce_min(outputs), 0.0))
      _move(high, tf.maximum(tf.reduce_max(outputs), 0.0))
    return tf.quantization.fake_quant_with_min_max_vars(
      outputs, low.value, high.value
    )


def _move(average: keras.Variable, value: tf.Tensor) -> None:
  average.assign_sub((average - value) * (1 - DECAY))


def rounded_kernel(layer: keras.layers.Layer) -> tf.Tensor:
  """Returns a kernel of 255 steps per channel, 0 in the middle.

  Args:
    layer: With a kernel. The step is 1/127 of the largest magnitude among a
      channel's weights; gradients pass as if nothing were rounded.
  """
  kernel = tf.convert_to_tensor(layer.kernel)
  flat = tf.reshape(kernel, (-1, layer.kernel.shape[_channel_axis(layer)]))
  largest = tf.stop_gradient(tf.reduce_max(tf.abs(flat), axis=0))
  flat = tf.quantization.fake_quant_with_min_max_vars_per_channel(
    flat, -largest, largest, narrow_range=True
  )
  return tf.reshape(flat, kernel.shape)


def _channel_axis(layer: keras.layers.Layer) -> int:
  # A depthwise kernel is (height, width, channels, 1).
  return -2 if isinstance(layer, keras.layers.DepthwiseConv2D) else -1


def has_range(layer: Layer, readers: list[Layer]) -> bool:
  """Returns whether a layer's output is a tensor whose range is to be learned.

  Args:
    layer: Of a folded network.
    readers: The layers that read it.
  """
  if layer.op == "input" or layer.function in FIXED:
    return False
  return not (
    layer.op in KERNELS
    and readers
    and all(reader.function in FUSED for reader in readers)
  )


def build(layers: tuple[Layer, ...]) -> keras.Model:
  """Returns the network that computes as its integers will.

  Args:
    layers: Of a folded network, inputs before outputs.
  """
  readers = {layer.name: [] for layer in layers}
  for layer in layers:
    for source in layer.inputs:
      readers[source].append(layer)

  def quantized(builder, layer: Layer) -> keras.layers.Layer:
    output = has_range(layer, readers[layer.name])
    return FakeQuantized(builder(layer), output)

  builders = {
    op: functools.partial(quantized, builder)
    for op, builder in _BUILDERS.items()
  }
  image = keras.Input(layers[0].shape, name=layers[0].name)
  return keras.Model(image, build_layers(layers, image, builders=builders))


def kernel_and_bias(
  student: keras.Model, name: str
) -> tuple[keras.Variable, keras.Variable]:
  """Returns the variables of a layer that has weights.

  Args:
    student: Of `build`.
    name: The layer's.
  """
  layer = student.get_layer(name).layer
  return layer.kernel, layer.bias


def set_weights(student: keras.Model, weights: Weights) -> None:
  """Gives folded weights to a network of `build`.

  Args:
    student: Of `build`.
    weights: As `elite_tf.conversion.quantize.folding.folded_weights` has them.
  """
  for name, values in weights.items():
    for variable, value in zip(kernel_and_bias(student, name), values):
      variable.assign(value)


def get_weights(student: keras.Model, names: Iterable[str]) -> Weights:
  """Returns the folded weights of a network of `build`.

  Args:
    student: Of `build`.
    names: Of the layers that have weights.
  """
  return {
    name: tuple(np.asarray(v) for v in kernel_and_bias(student, name))
    for name in names
  }


def output_ranges(student: keras.Model) -> dict[str, tuple]:
  """Returns the variables (lowest, highest value) of every rounded output.

  Args:
    student: Of `build`.
  """
  return {
    layer.name: layer.range
    for layer in student.layers
    if getattr(layer, "range", None) is not None
  }
