"""The network with its first weights.

JAX compiles a program for every shape that Keras draws: 50 of them take ten
times as long as the rest of the building (figures in BUILD_NOTES.md). There
NumPy draws the same distributions.
"""

from collections.abc import Sequence

import keras
import numpy as np

from elite_tf.networks import custom
from elite_tf.networks import to_keras as models
from elite_tf.networks.families import is_own
from elite_tf.system import backend
from elite_tf.types import Candidate

_INITIALIZERS = ("kernel_initializer", "depthwise_initializer")

# Standard deviation of a normal distribution cut at two of its own.
_CUT_DEVIATION = 0.87962566103423978


def build_network(
  candidate: Candidate,
  builders: models.Builders = models.BUILDERS,
  seed: int = 0,
) -> keras.Model:
  """Returns the candidate's network, its weights drawn by the seed.

  Args:
    candidate: The network.
    builders: Row -> Keras layer, by kind of operation; a family of the user's
      own has no rows and builds its layers itself.
    seed: The same one gives the same weights under the same backend.
  """
  keras.utils.set_random_seed(seed)
  if is_own(candidate.family):
    return custom.build(candidate)
  if not backend.current().draws_slowly:
    return models.build(candidate, builders)
  delayed = []

  def without_drawing(builder):
    def build_layer(row):
      layer = builder(row)
      for name in _INITIALIZERS:
        if hasattr(layer, name):
          delayed.append((layer, name, getattr(layer, name)))
          setattr(layer, name, keras.initializers.Zeros())
      return layer

    return build_layer

  model = models.build(
    candidate, {op: without_drawing(make) for op, make in builders.items()}
  )
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
