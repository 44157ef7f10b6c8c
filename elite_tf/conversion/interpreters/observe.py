"""Activations of a network, as TensorFlow Lite computes them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from elite_tf.conversion.interpreters.refusal import refusals
from elite_tf.conversion.tflite.flatbuffer import activations, unpack
from elite_tf.system.quiet import quiet


def observe(
  model: bytes, inputs: np.ndarray, wanted: list[int] | None = None
) -> Iterator[dict[int, np.ndarray]]:
  """Yields the activations for each input.

  Args:
    model: The .tflite file.
    inputs: Raw input tensors (n, ...).
    wanted: Indices of tensors; None means the input and the outputs of all
      operators.

  Yields:
    Copies of the tensors, by index.

  Raises:
    VerificationFailed: TensorFlow Lite refuses the network, or fails in it.
  """
  if wanted is None:
    wanted = activations(unpack(model))
  running = interpreter(model, preserve=True)
  (source,) = (detail["index"] for detail in running.get_input_details())
  for image in range(len(inputs)):
    running.set_tensor(source, inputs[image : image + 1])
    with refusals():
      running.invoke()
    yield {index: running.get_tensor(index) for index in wanted}


def interpreter(model: bytes, preserve: bool = False) -> Any:
  """Returns TensorFlow Lite's interpreter with its fast kernels, ready to run.

  Fast kernels sometimes round differently from a board. Use them to measure, and
  `elite_tf.conversion.interpreters.reference` to compare.

  Args:
    model: The .tflite file.
    preserve: Whether all tensors keep their values, which takes five times as
      long.

  Raises:
    VerificationFailed: TensorFlow Lite refuses the network.
  """
  import tensorflow as tf

  resolvers = tf.lite.experimental.OpResolverType
  with (
    refusals(),
    quiet(),
    warnings.catch_warnings(),
  ):  # XNNPACK announces itself.
    # A warning announces a new package; this project pins no release of it.
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
