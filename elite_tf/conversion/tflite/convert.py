"""A Keras model -> .tflite bytes: the one way out, whatever the numbers are."""

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
  """Converts a network as it is, in float32.

  Args:
    model: One image in, float32 (batch, height, width, channels).

  Returns:
    The .tflite file.

  Raises:
    ConfigError: If the model cannot be converted.
  """
  return convert(model)


def convert(
  model: keras.Model, configure: Callable[[Any], None] | None = None
) -> bytes:
  """Converts a network for one image at a time.

  Args:
    model: One image in, float32 (batch, height, width, channels).
    configure: Called with the `tf.lite.TFLiteConverter`, to set how it
      quantizes.

  Returns:
    The .tflite file.

  Raises:
    ConfigError: If the model has no input as described, if a weight is not a
      number, or if an operation of it does not exist in TensorFlow Lite.
  """
  shape = image_shape(model)
  _check_weights(model)
  # The registry of methods names this file: loading it loads no TensorFlow.
  import tensorflow as tf
  from tensorflow.lite.python.convert_phase import ConverterError

  # Batch 1 is written into the trace. With the batch left open, as
  # `from_keras_model` has it, Keras 3 computes every shape at run time (SHAPE,
  # STRIDED_SLICE, PACK), which no microcontroller needs.
  image = tf.TensorSpec((1, *shape), tf.float32, name="image")
  with dense_as_convolution(model):
    trace = tf.function(
      functools.partial(model, training=False),
      input_signature=[image],
      autograph=False,
    ).get_concrete_function()
  # Handing the trace over as the "trackable object" too chooses the path that
  # freezes it in memory; the other one saves and loads a SavedModel on disk,
  # four times slower, and leaves the weights as variables.
  converter = tf.lite.TFLiteConverter.from_concrete_functions([trace], trace)
  if configure is not None:
    configure(converter)
  with quiet(), warnings.catch_warnings():
    # Statistics of the inputs are what quantization-aware training of
    # TensorFlow 1 wanted; calibration measures them.
    warnings.filterwarnings("ignore", "Statistics for quantized inputs")
    try:
      return converter.convert()
    except ConverterError as error:  # Its pages are cut to the reason.
      failure = error
  raise ConfigError(
    f"{model.name} cannot be converted to TensorFlow Lite:"
    f" {_reason(str(failure))}"
  ) from failure


@contextlib.contextmanager
def dense_as_convolution(model: keras.Model) -> Iterator[None]:
  """Has the dense layers of a model compute as convolutions of one pixel.

  The numbers are the same; what changes is the operator that the converter
  makes of them. Since TensorFlow 2.20 the reference kernel of FULLY_CONNECTED
  rounds in floating point, that of TensorFlow Lite Micro in integers as before:
  up to one image in a hundred comes out differently. CONV_2D rounds the same
  way in both. It also has a scale for every channel in releases of TensorFlow
  Lite Micro that misread those of FULLY_CONNECTED.

  Args:
    model: The network; as it was again when the body has run.
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
      del layer.call  # The class's method comes to light again.


def image_shape(model: keras.Model) -> tuple[int, int, int]:
  """Returns the (height, width, channels) of a model's one input.

  Args:
    model: Any model.

  Raises:
    ConfigError: If its input is anything but one image of a fixed size.
  """
  shapes = [tuple(tensor.shape) for tensor in model.inputs]
  if len(shapes) != 1 or len(shapes[0]) != 4 or None in shapes[0][1:]:
    raise ConfigError(
      f"{model.name} must have one input of shape (batch, height, width,"
      f" channels), all but the batch fixed. Received: {shapes}"
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
  """Computes what `layer.call` computes, by a convolution of one pixel."""
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
        f"{model.name} holds weights that are not finite numbers:"
        f" {weight.path}. Its training has diverged."
      )


def _reason(message: str) -> str:
  """Returns the one line of the converter's pages that says what is wrong."""
  for line in message.splitlines():
    _, found, text = line.partition("error: ")
    if found:
      return text.strip()
  return message.strip().partition("\n")[0]
