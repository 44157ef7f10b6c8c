"""Tries whether a network can be deployed, before a search trains it.

The process that prices a custom family's networks calls `check`: an operator
without an integer form is told before the training, not after it.
"""

import keras
import numpy as np

from elite_tf.conversion.interpreters.micro import run_micro
from elite_tf.conversion.interpreters.operators import require_operators
from elite_tf.conversion.interpreters.tensors import input_table
from elite_tf.conversion.quantize import calibration, integers, post_training
from elite_tf.conversion.tflite import convert as tflite
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.system import backend

# Random pictures that calibrate, and those that are run.
CALIBRATION_IMAGES = 4
RUN_IMAGES = 1

# Standard deviation of what is added to the weights. The first weights of a
# network may be zeros, of which no integers can be made.
NOISE = 0.05


def check(model: keras.Model, quantize: str) -> None:
  """Converts an untrained network as a champion, and runs it.

  Nothing is checked with another backend of Keras than TensorFlow.

  Args:
    model: The network; its weights are changed.
    quantize: Way of quantizing, as in the settings. Where several are possible,
      int8 is tried.

  Raises:
    ConfigError: The network cannot be converted.
    VerificationFailed: TensorFlow Lite Micro cannot run it, or not in integers.
  """
  if not backend.current().converts:
    return
  draws = np.random.default_rng(0)
  for weight in model.trainable_variables:
    weight.assign(weight + NOISE * draws.standard_normal(weight.shape))
  shape = model.input_shape[1:]
  pixels = draws.integers(0, 256, (CALIBRATION_IMAGES, *shape), np.uint8)
  real = tflite.float32(model)
  images = input_table(inspect(real).input)[pixels]
  _run(real, pixels)
  if quantize == "int16x8":
    tails = calibration.measure(real, images)
    _run(integers.int16x8(real, calibration.clip(real, tails)), pixels)
  elif quantize != "none":
    _run(post_training.int8(model, images), pixels)


def _run(model: bytes, pixels: np.ndarray) -> None:
  inspection = inspect(model)
  require_operators(inspection.operators)
  inputs = input_table(inspection.input)[pixels[:RUN_IMAGES]]
  run_micro(model, inputs, processes=1)
