"""Training steps by TensorFlow."""

import keras
import tensorflow as tf

DRAWS_SLOWLY = False


def compile_step(function, signature, donated=()):
  """Compiles a pure function of tensors.

  On a GPU by XLA, which fuses the many small operations of these networks; on a
  CPU XLA was measured as nine times slower.

  Args:
    function: Takes and returns nested tuples of tensors.
    signature: Its arguments as nested tuples of `keras.KerasTensor`; an axis
      of None may have any length.
    donated: Positions of the arguments that are not used again; TensorFlow
      finds out by itself.
  """
  del donated
  return tf.function(
    function,
    autograph=False,
    jit_compile=gpu_capability() is not None,
    input_signature=[
      keras.tree.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), part
      )
      for part in signature
    ],
  )


def value_and_gradient(function):
  """Differentiates function(x) -> (scalar, more) by x.

  Returns:
    x -> ((scalar, more), gradient).
  """

  def differentiated(x):
    with tf.GradientTape() as tape:
      tape.watch(x)
      value, more = function(x)
    return (value, more), tape.gradient(value, x)

  return differentiated


def normalize(x, gain, offset, epsilon: float):
  """Normalizes a batch by its own mean and variance, as one operation.

  Its forward and backward pass are one fused operation each instead of a dozen,
  which halves the operations of a traced training step.

  Args:
    x: (batch, height, width, channels), of any floating type.
    gain: float32 (channels,).
    offset: float32 (channels,).
    epsilon: Added to the variance.

  Returns:
    (normalized, mean, variance): of the type of x, and float32 (channels,)
    twice. The variance returned is that of the population which the batch is a
    sample of, sum / (n - 1); the batch is normalized by its own, sum / n.
  """
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


def gpu_capability() -> tuple[int, int] | None:
  """Returns the compute capability of the first GPU, None without one."""
  gpus = tf.config.list_physical_devices("GPU")
  if not gpus:
    return None
  details = tf.config.experimental.get_device_details(gpus[0])
  return details.get("compute_capability", (0, 0))
