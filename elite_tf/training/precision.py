"""The floating-point type in which a network is trained."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import keras

from elite_tf.system import backend

# From this compute capability on, the matrix units of a GPU have bfloat16, whose
# range is that of float32: unlike float16 it needs no scaling of the loss.
BFLOAT16_CAPABILITY = (8, 0)


def precision_for(capability: tuple[int, int] | None) -> str:
  """Returns Keras's dtype policy for a GPU.

  Args:
    capability: Compute capability (major, minor) of the GPU; None for a CPU, on
      which bfloat16 is three times slower.
  """
  if capability is not None and capability >= BFLOAT16_CAPABILITY:
    return "mixed_bfloat16"
  return "float32"


def best_precision() -> str:
  """Returns Keras's dtype policy for this machine."""
  return precision_for(backend.current().gpu_capability())


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
  """Sets Keras's dtype policy for layers that are built in the body.

  Weights, gradients and all of `State` stay in float32; only the computation of
  the layers has the lower precision. Networks for export are built outside.
  """
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy(policy)
  try:
    yield
  finally:
    keras.config.set_dtype_policy(before)


def in_float32(build: Callable) -> Callable:
  """Returns a builder whose layers compute in float32 under any policy."""

  @functools.wraps(build)
  def built(layer):
    with precision("float32"):
      return build(layer)

  return built
