"""Post-training quantization: ranges are measured, weights stay as trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from elite_tf.conversion.tflite.convert import convert, image_shape
from elite_tf.conversion.tflite.inspect import (
  inspect,
  require_full_integer,
  require_softmax,
)
from elite_tf.errors import ConfigError

if TYPE_CHECKING:
  import keras


def int8(model: keras.Model, calibration: np.ndarray) -> bytes:
  """Converts a network to int8 throughout, input and output included.

  Weights have one scale per output channel, activations one per tensor.

  Args:
    model: The trained network.
    calibration: float32 (n, height, width, channels), images of the training
      split, of `elite_tf.data.preprocess`. The range of every activation is
      from its lowest to its highest value on them.

  Returns:
    The .tflite file.

  Raises:
    ConfigError: If the calibration images are not as described, a weight is not
      a number or the model cannot be converted.
    VerificationFailed: If a tensor is still floating point, or if the logits
      are so close to zero that the network cannot run.
  """
  check_calibration(model, calibration)

  def configure(converter: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # No other set of operators: an operation without an int8 kernel is an
    # error, not a float kernel in the firmware.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # One at a time: the trace has RESHAPE operators for a batch of 1.
    converter.representative_dataset = lambda: (
      [calibration[i : i + 1]] for i in range(len(calibration))
    )

  converted = convert(model, configure)
  require_full_integer(converted)
  require_softmax(inspect(converted))
  return converted


def check_calibration(model: keras.Model, calibration: np.ndarray) -> None:
  """Checks that calibration images suit a model.

  Args:
    model: The network to calibrate.
    calibration: Should be float32 (n, height, width, channels).

  Raises:
    ConfigError: If it is not, if there are no images or if one has NaN or
      infinity.
  """
  shape = image_shape(model)
  if (
    not isinstance(calibration, np.ndarray)
    or calibration.dtype != np.float32
    or calibration.shape[1:] != shape
    or calibration.ndim != 4
  ):
    raise ConfigError(
      f"Calibration images of {model.name} must be float32 of shape"
      f" {('n', *shape)}. Received: {_form(calibration)}"
    )
  if not len(calibration):
    raise ConfigError(
      "Calibration needs at least one image. Received: none, shape"
      f" {calibration.shape}"
    )
  if not np.isfinite(calibration).all():
    raise ConfigError(
      "Calibration images must be finite numbers. Received: NaN or infinity"
    )


def _form(images: object) -> str:
  if not isinstance(images, np.ndarray):
    return type(images).__name__
  return f"{images.dtype} of shape {images.shape}"
