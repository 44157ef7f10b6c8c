"""The raw tensors that interpreters are given: checked, and shared out."""

import itertools
import os

import numpy as np

from elite_tf.conversion.tflite.inspect import Tensor
from elite_tf.data.preprocess import quantize_input, scale
from elite_tf.errors import ConfigError


def check_inputs(tensor: Tensor, inputs: np.ndarray) -> None:
  """Refuses inputs that a network does not take.

  Args:
    tensor: The network's input.
    inputs: Raw input tensors, one a row.

  Raises:
    ConfigError: If they are of another form, or if there are none.
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
  """Returns what each of the 256 values of a pixel becomes as an input.

  Args:
    tensor: The network's input.
  """
  scaled = scale(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).ravel()
  if np.dtype(tensor.dtype).kind == "f":
    return scaled
  return quantize_input(scaled, tensor.scale, tensor.zero_point, tensor.dtype)


def describe_array(value: object) -> str:
  """Returns type and shape of what was received, for an error."""
  if not isinstance(value, np.ndarray):
    return type(value).__name__
  return f"{value.dtype} of shape {value.shape}"


def split_evenly(count: int, workers: int | None) -> list[range]:
  """Cuts `count` rows into contiguous parts of nearly the same size.

  Args:
    count: Number of rows, at least one.
    workers: Parts wanted, None means one a core that this process may use.

  Raises:
    ConfigError: If `workers` is below one.
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
