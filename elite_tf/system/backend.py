"""The fast path for the device at hand, chosen by measurement, in one place.

Measured with tools/benchmark_training.py (figures in BUILD_NOTES.md): on a CPU
one thread for each of several workers, oneDNN's kernels left on (TensorFlow's
default; 13 to 30 % faster on one thread, no difference on two), no rewriting of
the graph, no XLA (nine times slower), no bfloat16 (three times slower). On a
GPU XLA and bfloat16 (`elite_tf.training.backends`, `.precision`).
"""

import os

from elite_tf.errors import ConfigError
from elite_tf.system.quiet import quiet

BACKENDS = ("tensorflow", "jax")


def backend() -> str:
  """Returns Keras's backend, as the environment says; loads nothing.

  Raises:
    ConfigError: It is none that networks can be trained with here.
  """
  name = os.environ.get("KERAS_BACKEND") or "tensorflow"
  if name not in BACKENDS:
    raise ConfigError(
      f"KERAS_BACKEND must be one of {', '.join(BACKENDS)}. Received: {name}"
    )
  return name


def converts() -> bool:
  """Returns whether .tflite files can be written here: by TensorFlow alone."""
  return backend() == "tensorflow"


def prepare(threads: int = 0):
  """Loads Keras and its backend, set up for this machine; returns `keras`.

  To be called before anything else imports them. Settings that a person made in
  the environment are kept.

  Args:
    threads: Threads to compute with; 0 means one a core.

  Raises:
    ConfigError: The backend is unknown or not installed.
  """
  name = backend()
  os.environ["KERAS_BACKEND"] = name
  try:
    with quiet():
      {"tensorflow": _prepare_tensorflow, "jax": _prepare_jax}[name](threads)
      import keras
  except ModuleNotFoundError as error:
    # Of what the backend itself needs, a person will want to read the rest.
    if error.name not in (name, f"{name}lib"):
      raise
    others = ", ".join(other for other in BACKENDS if other != name)
    raise ConfigError(
      f"{error.name} is not installed, and KERAS_BACKEND is {name} (its"
      f" default is {BACKENDS[0]}); the other one is {others}"
    ) from error
  return keras


def _prepare_tensorflow(threads: int) -> None:
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  import tensorflow as tf

  gpus = tf.config.list_physical_devices("GPU")
  for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
  tf.config.threading.set_intra_op_parallelism_threads(threads)
  tf.config.threading.set_inter_op_parallelism_threads(threads)
  # The graph is executed as it was traced: rewriting it takes a tenth of the
  # time to the first step and makes the steps -3 to 5 % faster.
  if not gpus:
    tf.config.optimizer.set_experimental_options(
      {"disable_meta_optimizer": True}
    )
  tf.constant(0)  # Creates the devices, which prints once.


def _prepare_jax(threads: int) -> None:
  # Several workers share a GPU: none takes its memory before it needs it.
  os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # XLA's too.
  if threads == 1:
    # The one number of threads that XLA can be told.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
  import jax

  jax.local_devices()  # Creates them, which prints once.
