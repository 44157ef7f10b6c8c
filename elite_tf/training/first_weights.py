"""The network with its first weights.

JAX compiles a program for every shape that Keras draws: 50 of them take ten
times as long as the rest of the building (figures in BUILD_NOTES.md). There
NumPy draws the same distributions.
"""

from collections.abc import Sequence

import keras
import numpy as np

from elite_tf.networks import to_keras
from elite_tf.networks.keras_layers import MakeLayer, make_layer
from elite_tf.training import backends
from elite_tf.types import Candidate

_INITIALIZERS = ("kernel_initializer", "depthwise_initializer")

# Standard deviation of a normal distribution cut at two of its own.
_CUT_DEVIATION = 0.87962566103423978


def build(
  candidate: Candidate,
  make: MakeLayer = make_layer,
  seed: int = 0,
) -> keras.Model:
  """Returns the candidate's network, its weights drawn by the seed.

  Args:
    candidate: The network.
    make: Function of a layer -> its Keras layer; a custom family does not use
      it.
    seed: The same one gives the same weights under the same backend.
  """
  keras.utils.set_random_seed(seed)
  if not backends.current().DRAWS_SLOWLY:
    return to_keras.build(candidate, make)
  delayed = []

  def make_without_drawing(layer):
    made = make(layer)
    for name in _INITIALIZERS:
      if hasattr(made, name):
        delayed.append((made, name, getattr(made, name)))
        setattr(made, name, keras.initializers.Zeros())
    return made

  model = to_keras.build(candidate, make_without_drawing)
  rng = np.random.default_rng(seed)
  for layer, name, initializer in delayed:
    setattr(layer, name, initializer)  # As a saved network has it.
    layer.kernel.assign(draw(initializer, layer.kernel.shape, rng))
  return model


def draw(
  initializer: keras.initializers.VarianceScaling,
  shape: Sequence[int],
  rng: np.random.Generator,
) -> np.ndarray:
  """Returns float32 values of an initializer's distribution.

  Args:
    initializer: With the variance scale / (fan out).
    shape: Of a kernel: its places, channels in, channels out.
    rng: Draws them.
  """
  assert initializer.mode == "fan_out", initializer.mode
  variance = initializer.scale / (np.prod(shape[:-2], dtype=int) * shape[-1])
  if initializer.distribution == "uniform":
    limit = np.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape).astype(np.float32)
  values = rng.standard_normal(shape)
  while (far := np.abs(values) > 2).any():
    values[far] = rng.standard_normal(far.sum())
  return (values * np.sqrt(variance) / _CUT_DEVIATION).astype(np.float32)
