"""JAX as Keras's backend."""

import os

from elite_tf.system.backend.base import Backend


class Jax(Backend):
  """Training steps by JAX."""

  name = "jax"
  draws_slowly = True

  def set_up(self, threads: int) -> None:
    """Takes memory of a GPU as it is needed; sets the threads if there is one.

    One is the only number of threads that XLA can be told.
    """
    # Several workers share a GPU: none takes its memory before it needs it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # XLA's too.
    if threads == 1:
      os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    import jax

    jax.local_devices()  # Creates them, which prints once.

  def compile_step(self, function, signature, donated=()):
    """Compiles anew for every shape that the function is called with."""
    import jax

    return jax.jit(function, donate_argnums=donated)

  def value_and_gradient(self, function):
    """Differentiates by `jax.value_and_grad`."""
    import jax

    return jax.value_and_grad(function, has_aux=True)

  def normalize(self, x, gain, offset, epsilon):
    """Normalizes by plain operations, which XLA fuses."""
    import jax
    import jax.numpy as jnp

    real = x.astype(jnp.float32)
    mean = jnp.mean(real, (0, 1, 2))
    centred = real - mean
    variance = jnp.mean(jnp.square(centred), (0, 1, 2))
    scaled = centred * (gain * jax.lax.rsqrt(variance + epsilon)) + offset
    count = x.size // x.shape[-1]
    return scaled.astype(x.dtype), mean, variance * (count / max(count - 1, 1))

  def gpu_capability(self):
    """Returns (0, 0) for a GPU whose capability is no pair of numbers.

    AMD's are names, for instance; such a GPU computes in float32.
    """
    import jax

    device, *_ = jax.local_devices()
    if device.platform != "gpu":
      return None
    major, _, minor = str(device.compute_capability).partition(".")
    return (int(major), int(minor)) if (major + minor).isdigit() else (0, 0)
