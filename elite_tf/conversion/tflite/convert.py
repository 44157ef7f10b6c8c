"""Converts Keras models to .tflite files, for all types of numbers."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.system.quiet import quiet

if TYPE_CHECKING:
  import keras


def float32(model: keras.Model) -> bytes:
  """Converts a network to a float32 .tflite file.

  Args:
    model: Model with one input, float32 (batch, height, width, channels).

  Returns:
    The .tflite file.

  Raises:
    ConfigError: The model cannot be converted.
  """
  return convert(model)


def convert(
  model: keras.Model, configure: Callable[[Any], None] | None = None
) -> bytes:
  """Converts a network for one image at a time.

  Args:
    model: Model with one input, float32 (batch, height, width, channels).
    configure: Called with the `tf.lite.TFLiteConverter` to set its options of
      quantization.

  Returns:
    The .tflite file, for a batch of one image.

  Raises:
    ConfigError: The input is not as described, a weight is not finite, or an
      operation does not exist in TensorFlow Lite.
  """
  shape = image_shape(model)
  _check_weights(model)
  # The registry of quantization methods imports this module, and must not load
  # TensorFlow.
  import tensorflow as tf
  from tensorflow.lite.python.convert_phase import ConverterError

  # The trace has a batch of 1. With an open batch, as in `from_keras_model`,
  # Keras 3 computes every shape at run time (SHAPE, STRIDED_SLICE, PACK), which
  # no microcontroller needs.
  image = tf.TensorSpec((1, *shape), tf.float32, name="image")
  with dense_as_convolution(model):
    trace = tf.function(
      functools.partial(model, training=False),
      input_signature=[image],
      autograph=False,
    ).get_concrete_function()
  # With the trace as "trackable object" too, the converter freezes the trace in
  # memory. Otherwise it saves and loads a SavedModel on disk, which takes four
  # times as long and keeps the weights as variables.
  converter = tf.lite.TFLiteConverter.from_concrete_functions([trace], trace)
  if configure is not None:
    configure(converter)
  with quiet(), warnings.catch_warnings():
    # Only quantization-aware training of TensorFlow 1 needs statistics of the
    # inputs; here calibration measures ranges.
    warnings.filterwarnings("ignore", "Statistics for quantized inputs")
    try:
      return converter.convert()
    # Calibration, which runs the network, raises the others.
    except (ConverterError, RuntimeError, ValueError) as error:
      failure = error  # Its message has pages.
  raise ConfigError(
    f"{model.name} cannot be converted to TensorFlow Lite:"
    f" {_reason(str(failure))}"
  ) from failure


@contextlib.contextmanager
def dense_as_convolution(model: keras.Model) -> Iterator[None]:
  """Makes dense layers compute as 1x1 convolutions inside a `with` block.

  The numbers are the same, but the converter writes CONV_2D instead of
  FULLY_CONNECTED. Since TensorFlow 2.20 the reference kernel of FULLY_CONNECTED
  rounds in floating point, and TensorFlow Lite Micro's in integers: up to one
  image in a hundred has different outputs. CONV_2D rounds the same way in both.
  It also supports a scale per channel in releases of TensorFlow Lite Micro that
  misread the scales of FULLY_CONNECTED.

  Args:
    model: The network. It is unchanged after the block.
  """
  import keras

  # A subclass may compute something else: it stays as it is.
  layers = [x for x in _flatten(model) if type(x) is keras.layers.Dense]
  for layer in layers:
    layer.call = functools.partial(_call_as_convolution, layer)
  try:
    yield
  finally:
    for layer in layers:
      del layer.call  # Restores the method of the class.


def image_shape(model: keras.Model) -> tuple[int, int, int]:
  """Returns the (height, width, channels) of a model's one input.

  Args:
    model: The model.

  Raises:
    ConfigError: The input is not one image of a fixed size.
  """
  shapes = [tuple(tensor.shape) for tensor in model.inputs]
  if len(shapes) != 1 or len(shapes[0]) != 4 or None in shapes[0][1:]:
    raise ConfigError(
      f"{model.name} must have one input of shape (batch, height, width,"
      f" channels), fixed except for the batch. Received: {shapes}"
    )
  return shapes[0][1:]


def _flatten(model: keras.Model) -> Iterator[keras.layers.Layer]:
  for layer in model.layers:
    yield layer
    if hasattr(layer, "layers"):  # A model in a model.
      yield from _flatten(layer)


def _call_as_convolution(
  layer: keras.layers.Dense, inputs: Any, training: bool | None = None
) -> Any:
  """Computes the same as `layer.call`, by a 1x1 convolution."""
  from keras import ops

  if len(inputs.shape) != 2:
    return type(layer).call(layer, inputs, training=training)
  features, units = layer.kernel.shape
  outputs = ops.conv(
    ops.reshape(inputs, (-1, 1, 1, features)),
    ops.reshape(layer.kernel, (1, 1, features, units)),
    padding="valid",
  )
  if layer.bias is not None:
    outputs = ops.add(outputs, layer.bias)
  outputs = ops.reshape(outputs, (-1, units))
  return outputs if layer.activation is None else layer.activation(outputs)


def _check_weights(model: keras.Model) -> None:
  for weight in model.weights:
    if not np.isfinite(weight.numpy()).all():
      raise ConfigError(
        f"{model.name} has weights that are not finite numbers: its training has"
        f" diverged. Received: {weight.path}"
      )


def _reason(message: str) -> str:
  """Returns the line of the converter's message that names the error."""
  for line in message.splitlines():
    _, found, text = line.partition("error: ")
    if found:
      return text.strip()
  return message.strip().partition("\n")[0]
