"""The fast path for the device at hand, chosen by measurement, in one place.

Images a second of the search's own training (w4 d4, 32 pixels, batch 100, two
cores) and the measurements behind each choice stand in BUILD_NOTES.md; the
command that repeats them is tools/benchmark_training.py.
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
  # Its layout changes around every small convolution cost more than its
  # kernels save on networks of this size.
  os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  with quiet():
    import tensorflow as tf  # pylint: disable=g-import-not-at-top

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
      tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    # The graph is executed as it was traced: rewriting it takes a third of the
    # time to the first step and makes the steps no faster.
    if not gpus:
      tf.config.optimizer.set_experimental_options(
          {"disable_meta_optimizer": True}
      )
    import keras  # pylint: disable=g-import-not-at-top

    tf.constant(0)  # Creates the devices, which prints once.
  return keras
