"""In which floating type a network is trained."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import keras

from elite_tf.system import backend

# From here on a GPU's matrix units compute in bfloat16, which has float32's
# range: unlike float16 it needs no scaling of the loss.
BFLOAT16_CAPABILITY = (8, 0)


def precision_for(capability: tuple[int, int] | None) -> str:
  """Returns Keras's policy for a GPU of this compute capability.

  Args:
    capability: (major, minor); None is a CPU, where bfloat16 was measured as
      three times slower.
  """
  if capability is not None and capability >= BFLOAT16_CAPABILITY:
    return "mixed_bfloat16"
  return "float32"


def best_precision() -> str:
  """Returns Keras's policy for the device at hand."""
  return precision_for(backend.current().gpu_capability())


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
  """Builds layers in the body with one of Keras's policies.

  Weights, their gradients and all of `State` stay in float32; only what the
  layers compute is of the lower precision. Networks that are exported are built
  outside.
  """
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy(policy)
  try:
    yield
  finally:
    keras.config.set_dtype_policy(before)


def in_float32(build: Callable) -> Callable:
  """Returns a builder whose layer computes in float32 wherever it is used."""

  @functools.wraps(build)
  def built(layer):
    with precision("float32"):
      return build(layer)

  return built
