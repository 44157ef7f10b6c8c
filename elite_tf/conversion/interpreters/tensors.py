"""Raw input tensors of interpreters: their check, their codes, their split."""

import itertools
import os

import numpy as np

from elite_tf.conversion.tflite.inspect import Tensor
from elite_tf.data.preprocess import quantize_input, scale
from elite_tf.errors import ConfigError


def check_inputs(tensor: Tensor, inputs: np.ndarray) -> None:
  """Checks that a network takes these inputs.

  Args:
    tensor: The network's input.
    inputs: Raw input tensors (n, ...).

  Raises:
    ConfigError: Type or shape are different, or there are no inputs.
  """
  if (
    not isinstance(inputs, np.ndarray)
    or inputs.dtype != tensor.dtype
    or inputs.shape[1:] != tensor.shape[1:]
    or not inputs.ndim
    or not len(inputs)
  ):
    raise ConfigError(
      f"Inputs must be {tensor.dtype} of shape {('n', *tensor.shape[1:])},"
      f" at least one. Received: {describe_array(inputs)}"
    )


def input_table(tensor: Tensor) -> np.ndarray:
  """Returns the input of each of the 256 values of a pixel, (256,)."""
  scaled = scale(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).ravel()
  if np.dtype(tensor.dtype).kind == "f":
    return scaled
  return quantize_input(scaled, tensor.scale, tensor.zero_point, tensor.dtype)


def describe_array(value: object) -> str:
  """Returns the type and the shape of a value, for an error."""
  if not isinstance(value, np.ndarray):
    return type(value).__name__
  return f"{value.dtype} of shape {value.shape}"


def split_evenly(count: int, workers: int | None) -> list[range]:
  """Splits `count` images into contiguous parts of nearly the same size.

  Args:
    count: Number of images, at least one.
    workers: Largest number of parts; None means one per core that this process
      may use.

  Raises:
    ConfigError: `workers` is below one.
  """
  if workers is None:
    workers = len(os.sched_getaffinity(0))
  if workers < 1:
    raise ConfigError(
      f"At least one worker is needed to verify. Received: {workers}"
    )
  parts = min(workers, count)
  cuts = [count * part // parts for part in range(parts + 1)]
  return [range(start, stop) for start, stop in itertools.pairwise(cuts)]
