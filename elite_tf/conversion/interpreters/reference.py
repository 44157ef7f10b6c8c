"""Runs TensorFlow Lite's reference kernels, which define each operator."""

import threading
import warnings
from concurrent import futures

import numpy as np

from elite_tf.conversion.interpreters.refusal import refusals
from elite_tf.conversion.interpreters.tensors import check_inputs, split_evenly
from elite_tf.conversion.tflite.inspect import inspect, require_softmax


def run_reference(
  model: bytes, inputs: np.ndarray, threads: int | None = None
) -> np.ndarray:
  """Runs inputs through TensorFlow Lite's reference kernels, one at a time.

  The interpreter releases Python's lock while it computes, so threads are enough
  and TensorFlow is imported once. A network that the kernels cannot compute may
  end this process: call `run_micro` first, which reports it as an error.

  Args:
    model: The .tflite file.
    inputs: Raw input tensors (n, ...).
    threads: Number of threads; None means one per core that this process may
      use.

  Returns:
    Raw output tensors (n, ...).

  Raises:
    ConfigError: An argument is not as described.
    VerificationFailed: The interpreter refuses the network, or fails in it.
  """
  inspection = inspect(model)
  check_inputs(inspection.input, inputs)
  require_softmax(inspection)
  parts = split_evenly(len(inputs), threads)
  interpreters = [_reference(model) for _ in parts]
  stop = threading.Event()

  def run(interpreter, span: range) -> list[np.ndarray]:
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    outputs = []
    for image in span:
      if stop.is_set():
        break
      interpreter.set_tensor(source, inputs[image : image + 1])
      with refusals():
        interpreter.invoke()
      outputs.append(interpreter.get_tensor(target))
    return outputs

  with futures.ThreadPoolExecutor(len(parts)) as pool:
    try:
      outputs = list(pool.map(run, interpreters, parts))
    finally:
      stop.set()  # After an interrupt no further image is computed.
  return np.concatenate([output for part in outputs for output in part])


def _reference(model: bytes):
  """Returns an interpreter with the reference kernels, ready to run."""
  # Importing TensorFlow takes seconds, and `run_micro` does not need it.
  import tensorflow as tf

  with warnings.catch_warnings(), refusals():
    # A warning announces a new package; this project pins no release of it.
    warnings.filterwarnings("ignore", "[^a-z]*Warning: tf.lite.Interpreter is")
    interpreter = tf.lite.Interpreter(
      model_content=model,
      experimental_op_resolver_type=(
        tf.lite.experimental.OpResolverType.BUILTIN_REF
      ),
      num_threads=1,
    )
    interpreter.allocate_tensors()
  return interpreter
