"""A network with its first weights.

JAX compiles a program for every shape of random numbers that Keras draws. For 50
shapes this takes ten times as long as the rest of building a network, so there
NumPy draws from the same distributions.
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

# Standard deviation of a standard normal distribution truncated at -2 and 2.
_CUT_DEVIATION = 0.87962566103423978


def build_network(
  candidate: Candidate,
  builders: models.Builders = models.BUILDERS,
  seed: int = 0,
) -> keras.Model:
  """Returns a candidate's network with random first weights.

  Args:
    candidate: The candidate.
    builders: Layer -> Keras layer, by kind of operation. Not used for a custom
      family, which builds its Keras layers itself.
    seed: Decides the weights, for one backend.
  """
  keras.utils.set_random_seed(seed)
  if is_own(candidate.family):
    return custom.build(candidate)
  if not backend.current().draws_slowly:
    return models.build(candidate, builders)
  delayed = []

  def without_drawing(builder):
    def build_layer(layer):
      built = builder(layer)
      for name in _INITIALIZERS:
        if hasattr(built, name):
          delayed.append((built, name, getattr(built, name)))
          setattr(built, name, keras.initializers.Zeros())
      return built

    return build_layer

  model = models.build(
    candidate, {op: without_drawing(make) for op, make in builders.items()}
  )
  rng = np.random.default_rng(seed)
  for layer, name, initializer in delayed:
    setattr(layer, name, initializer)  # Part of a saved network.
    layer.kernel.assign(draw(initializer, layer.kernel.shape, rng))
  return model


def draw(
  initializer: keras.initializers.VarianceScaling,
  shape: Sequence[int],
  rng: np.random.Generator,
) -> np.ndarray:
  """Draws from the distribution of an initializer.

  Args:
    initializer: Its mode must be "fan_out": the variance is scale / fan out.
    shape: Shape of a kernel: height, width, input channels, output channels.
    rng: Random generator.

  Returns:
    float32, of that shape.
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
