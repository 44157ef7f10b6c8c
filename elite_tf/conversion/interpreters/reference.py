"""TensorFlow Lite's reference kernels: what an operator means."""

import threading
import warnings
from concurrent import futures

import numpy as np

from elite_tf.conversion.interpreters.tensors import check_inputs, split_evenly
from elite_tf.conversion.tflite.inspect import inspect, require_softmax
from elite_tf.errors import VerificationFailed


def run_reference(
  model: bytes, inputs: np.ndarray, threads: int | None = None
) -> np.ndarray:
  """Runs inputs through TensorFlow Lite's reference kernels, one at a time.

  The interpreter lets go of Python's lock while it computes, so threads do for
  it what takes processes with TensorFlow Lite Micro, and TensorFlow is imported
  once. What the kernels cannot compute may end this process: call `run_micro`
  first, where the same ends a child and is an error.

  Args:
    model: The .tflite file.
    inputs: Raw input tensors, one a row.
    threads: Threads to run, None means one a core that this process may use.

  Returns:
    Raw output tensors, one a row.

  Raises:
    ConfigError: If an argument is not as described.
    VerificationFailed: If the interpreter refuses the network.
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
    for row in span:
      if stop.is_set():
        break
      interpreter.set_tensor(source, inputs[row : row + 1])
      interpreter.invoke()
      outputs.append(interpreter.get_tensor(target))
    return outputs

  with futures.ThreadPoolExecutor(len(parts)) as pool:
    try:
      outputs = list(pool.map(run, interpreters, parts))
    finally:
      stop.set()  # An interrupt does not wait for the other images.
  return np.concatenate([output for part in outputs for output in part])


def _reference(model: bytes):
  """Returns an interpreter with the reference kernels, ready to run."""
  # Importing TensorFlow takes seconds, and `run_micro` does without.
  import tensorflow as tf

  with warnings.catch_warnings():
    # It says where it will move to. No release of that package is pinned here.
    warnings.filterwarnings("ignore", "[^a-z]*Warning: tf.lite.Interpreter is")
    try:
      interpreter = tf.lite.Interpreter(
        model_content=model,
        experimental_op_resolver_type=(
          tf.lite.experimental.OpResolverType.BUILTIN_REF
        ),
        num_threads=1,
      )
      interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
      reason = str(error).strip().partition("\n")[0]
      raise VerificationFailed(
        f"TensorFlow Lite refuses the network: {reason}"
      ) from error
  return interpreter
