"""Training steps by JAX."""

import jax
import jax.numpy as jnp

DRAWS_SLOWLY = True


def compile_step(function, signature, donated=()):
  """Compiles a pure function of tensors.

  Args:
    function: Takes and returns nested tuples of tensors.
    signature: Its arguments as nested tuples of `keras.KerasTensor`; JAX
      compiles for the shapes that it is called with.
    donated: Positions of the arguments whose memory the results may take: they
      cannot be used again.
  """
  del signature
  return jax.jit(function, donate_argnums=donated)


def value_and_gradient(function):
  """Differentiates function(x) -> (scalar, more) by x.

  Returns:
    x -> ((scalar, more), gradient).
  """
  return jax.value_and_grad(function, has_aux=True)


def normalize(x, gain, offset, epsilon: float):
  """Normalizes a batch by its own mean and variance.

  Args:
    x: (batch, height, width, channels), of any floating type.
    gain: float32 (channels,).
    offset: float32 (channels,).
    epsilon: Added to the variance.

  Returns:
    (normalized, mean, variance): of the type of x, and float32 (channels,)
    twice. The variance returned is that of the population which the batch is a
    sample of, sum / (n - 1), because TensorFlow's fused operation returns that
    one; the batch is normalized by its own, sum / n.
  """
  real = x.astype(jnp.float32)
  mean = jnp.mean(real, (0, 1, 2))
  centred = real - mean
  variance = jnp.mean(jnp.square(centred), (0, 1, 2))
  scaled = centred * (gain * jax.lax.rsqrt(variance + epsilon)) + offset
  count = x.size // x.shape[-1]
  return scaled.astype(x.dtype), mean, variance * (count / max(count - 1, 1))


def gpu_capability() -> tuple[int, int] | None:
  """Returns the compute capability of the first GPU, None without one."""
  device, *_ = jax.local_devices()
  if device.platform != "gpu":
    return None
  # "9.0" of NVIDIA's; AMD's have names, and are taken as they are: float32.
  major, _, minor = str(device.compute_capability).partition(".")
  return (int(major), int(minor)) if (major + minor).isdigit() else (0, 0)
