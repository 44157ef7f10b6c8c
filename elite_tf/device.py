"""The fast path for the device at hand, chosen by measurement, in one place.

Measured with tools/benchmark_training.py (figures in BUILD_NOTES.md): on a CPU
one thread for each of several workers, oneDNN's kernels left on (TensorFlow's
default; 13 to 30 % faster on one thread, no difference on two), no rewriting of
the graph, no XLA (nine times slower), no bfloat16 (three times slower).
"""

import os

from elite_tf.quiet import quiet


def prepare(threads: int = 0):
  """Loads TensorFlow and Keras, set up for this machine; returns `keras`.

  To be called before anything else imports TensorFlow. Settings that a person
  made in the environment are kept.

  Args:
    threads: Threads to compute with; 0 means one a core.
  """
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  with quiet():
    import tensorflow as tf  # pylint: disable=g-import-not-at-top

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
    import keras  # pylint: disable=g-import-not-at-top

    tf.constant(0)  # Creates the devices, which prints once.
  return keras
