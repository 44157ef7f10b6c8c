"""Every activation of a network, as TensorFlow Lite computes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from elite_tf.conversion.tflite.flatbuffer import activations, unpack
from elite_tf.system.quiet import quiet


def observe(
  model: bytes, inputs: np.ndarray, wanted: list[int] | None = None
) -> Iterator[dict[int, np.ndarray]]:
  """Yields the activations of one input after the other.

  Args:
    model: A .tflite file.
    inputs: Raw input tensors, one a row.
    wanted: Indices of tensors; None means the input and the outputs of all
      operators.

  Yields:
    Copies of the tensors, by index.
  """
  if wanted is None:
    wanted = activations(unpack(model))
  running = interpreter(model, preserve=True)
  (source,) = (detail["index"] for detail in running.get_input_details())
  for row in range(len(inputs)):
    running.set_tensor(source, inputs[row : row + 1])
    running.invoke()
    yield {index: running.get_tensor(index) for index in wanted}


def interpreter(model: bytes, preserve: bool = False) -> Any:
  """Returns TensorFlow Lite's interpreter with its fast kernels, ready to run.

  They round otherwise than a board at times: good for measuring, where
  `elite_tf.conversion.interpreters.reference` is good for comparing.

  Args:
    model: A .tflite file.
    preserve: Whether every tensor keeps its values until it has been read; a
      fifth as fast.
  """
  import tensorflow as tf

  resolvers = tf.lite.experimental.OpResolverType
  with quiet(), warnings.catch_warnings():  # XNNPACK announces itself.
    # It says where it will move to. No release of that package is pinned here.
    warnings.filterwarnings("ignore", "[^a-z]*Warning: tf.lite.Interpreter is")
    running = tf.lite.Interpreter(
      model_content=model,
      num_threads=1,
      experimental_preserve_all_tensors=preserve,
      experimental_op_resolver_type=(
        resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        if preserve
        else resolvers.AUTO
      ),
    )
    running.allocate_tensors()
  return running
