"""TensorFlow as Keras's backend.

On a CPU: one thread per worker where there are several workers, oneDNN's
kernels left on (TensorFlow's default; 13 to 30 % faster on one thread, no
difference on two), no rewriting of the graph, no XLA (nine times slower), no
bfloat16 (three times slower). On a GPU: XLA, and bfloat16
(`elite_tf.training.precision`). Measured with tools/benchmark_training.py.
"""

import os

from elite_tf.system.backend.base import Backend


class TensorFlow(Backend):
  """Training steps by TensorFlow."""

  name = "tensorflow"
  converts = True

  def set_up(self, threads: int) -> None:
    """Takes memory of a GPU as it is needed, and sets the threads."""
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

  def compile_step(self, function, signature, donated=()):
    """Compiles by XLA where there is a GPU; finds donated memory by itself.

    XLA fuses the many small operations of these networks.
    """
    import keras
    import tensorflow as tf

    return tf.function(
      function,
      autograph=False,
      jit_compile=self.gpu_capability() is not None,
      input_signature=[
        keras.tree.map_structure(
          lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), part
        )
        for part in signature
      ],
    )

  def value_and_gradient(self, function):
    """Differentiates by a gradient tape."""
    import tensorflow as tf

    def differentiated(x):
      with tf.GradientTape() as tape:
        tape.watch(x)
        value, more = function(x)
      return (value, more), tape.gradient(value, x)

    return differentiated

  def normalize(self, x, gain, offset, epsilon):
    """Normalizes by one fused operation, forwards and backwards.

    A dozen operations would take its place, half of those of a traced step.
    """
    import tensorflow as tf

    nothing = tf.constant([], tf.float32)
    fused = tf.raw_ops.FusedBatchNormV3(
      x=x,
      scale=gain,
      offset=offset,
      mean=nothing,
      variance=nothing,
      epsilon=epsilon,
      is_training=True,
    )
    return fused.y, fused.batch_mean, fused.batch_variance

  def gpu_capability(self):
    """Returns (0, 0) for a GPU that tells no compute capability."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
      return None
    details = tf.config.experimental.get_device_details(gpus[0])
    return details.get("compute_capability", (0, 0))
