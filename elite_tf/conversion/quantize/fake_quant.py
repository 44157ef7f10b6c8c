"""How each row of a plan is quantized in training, by TensorFlow's tfmot.

Its own registry knows neither products nor swish, has one scale for all
channels of a depthwise convolution, and puts quantizers where the converter
has fixed scales. So every row is told here what becomes of it.
"""

from __future__ import annotations

import functools

import tensorflow as tf
import tensorflow_model_optimization as tfmot

from elite_tf.conversion.quantize import tf_keras_model
from elite_tf.types import Layer

quantization = tfmot.quantization.keras

# Functions that the operator before them computes: only their output is there.
FUSED = frozenset({"relu", "relu6"})

# Functions whose output has a scale that the converter fixes.
FIXED = frozenset({"sigmoid", "softmax"})

KERNELS = {
  "conv": "kernel",
  "depthwise": "depthwise_kernel",
  "dense": "kernel",
}


class DepthwiseQuantizer(quantization.quantizers.LastValueQuantizer):
  """One scale a channel for kernels of (height, width, channels, 1)."""

  def build(self, tensor_shape, name, layer):
    """Adds the variables of the ranges to a layer."""
    height, width, channels, one = tensor_shape
    return super().build(
      tf.TensorShape((height, width, one, channels)), name, layer
    )

  def __call__(self, inputs, training, weights, **kwargs):
    turned = tf.transpose(inputs, (0, 1, 3, 2))
    turned = super().__call__(turned, training, weights, **kwargs)
    return tf.transpose(turned, (0, 1, 3, 2))


class RowQuantizeConfig(quantization.QuantizeConfig):
  """Quantizes a row's kernel by channels, and its output by one scale."""

  def __init__(self, op: str = "", output: bool = True):
    self._op, self._output = op, output

  def get_weights_and_quantizers(self, layer):
    """Returns the kernel, if there is one, and how it is quantized."""
    if self._op not in KERNELS:
      return []
    kind = (
      DepthwiseQuantizer
      if self._op == "depthwise"
      else quantization.quantizers.LastValueQuantizer
    )
    quantizer = kind(
      num_bits=8, per_axis=True, symmetric=True, narrow_range=True
    )
    return [(getattr(layer, KERNELS[self._op]), quantizer)]

  def get_activations_and_quantizers(self, layer):
    """Returns none: activations are rows of their own."""
    return []

  def set_quantize_weights(self, layer, quantize_weights):
    """Has the layer compute with quantized weights."""
    for weight in quantize_weights:
      setattr(layer, KERNELS[self._op], weight)

  def set_quantize_activations(self, layer, quantize_activations):
    """Does nothing: there are none."""

  def get_output_quantizers(self, layer):
    """Returns how the output is quantized, if it is."""
    if not self._output:
      return []
    return [
      quantization.quantizers.MovingAverageQuantizer(
        num_bits=8, per_axis=False, symmetric=False, narrow_range=False
      )
    ]

  def get_config(self):
    """Returns the arguments."""
    return {"op": self._op, "output": self._output}


class RowWrapper(quantization.QuantizeWrapperV2):
  """A layer and its quantizers, whose code AutoGraph leaves as it is."""

  @tf.autograph.experimental.do_not_convert
  def call(self, inputs, training=None, **kwargs):
    """Computes the layer with quantized weights, and quantizes the output."""
    return super().call(inputs, training, **kwargs)


def has_range(row: Layer, readers: list[Layer]) -> bool:
  """Returns whether a row's output is a tensor whose range is to be learned.

  Args:
    row: Of a folded plan.
    readers: The rows that read it.
  """
  if row.op == "input" or row.function in FIXED:
    return False
  return not (
    row.op in KERNELS
    and readers
    and all(reader.function in FUSED for reader in readers)
  )


def build(rows: tuple[Layer, ...]):
  """Returns the tf-keras model that computes as its integers will.

  Args:
    rows: Of a folded plan.
  """
  readers = {row.name: [] for row in rows}
  for row in rows:
    for source in row.inputs:
      readers[source].append(row)

  def wrapped(kind, row: Layer):
    output = has_range(row, readers[row.name])
    if row.op not in KERNELS and not output:
      return kind(row)
    return RowWrapper(
      kind(row), RowQuantizeConfig(row.op, output), name=row.name
    )

  kinds = {
    **tf_keras_model.LAYERS,
    "activation": lambda row: tf_keras_model.layers.Activation(
      tf_keras_model.INTEGER_FUNCTIONS[row.function], name=row.name
    ),
  }
  builders = {
    op: functools.partial(wrapped, kind) for op, kind in kinds.items()
  }
  return tf_keras_model.build(rows, builders)


def set_weights(model, weights) -> None:
  """Gives folded weights to a model of `build`, kernel ranges included.

  Args:
    model: Of `build`.
    weights: As `elite_tf.conversion.quantize.folding.folded_weights` has them.
  """
  for name, (kernel, bias) in weights.items():
    wrapper = model.get_layer(name)
    ((variable, _, ranges),) = wrapper._weight_vars
    variable.assign(kernel)
    wrapper.layer.bias.assign(bias)
    axes = (0, 1, 3) if "depthwise" in variable.name else None
    axes = axes or tuple(range(kernel.ndim - 1))
    reached = abs(kernel).max(axis=axes)
    ranges["min_var"].assign(-reached)
    ranges["max_var"].assign(reached)


def get_weights(model, names) -> dict:
  """Returns the folded weights of a model of `build`.

  Args:
    model: Of `build`.
    names: Of the rows that have weights.
  """
  return {
    name: (
      model.get_layer(name)._weight_vars[0][0].numpy(),
      model.get_layer(name).layer.bias.numpy(),
    )
    for name in names
  }


def output_ranges(model) -> dict:
  """Returns the variables (lowest, highest) of every output, by row.

  Args:
    model: Of `build`.
  """
  found = {}
  for layer in model.layers:
    variables = getattr(layer, "_output_quantizer_vars", None)
    if variables:
      found[layer.name] = variables["min_var"], variables["max_var"]
  return found
