"""A network with its first weights: inherited from a trained one, or random.

JAX compiles a program for every shape of random numbers that Keras draws. For 50
shapes this takes ten times as long as the rest of building a network, so there
NumPy draws from the same distributions.
"""

from collections.abc import Sequence

import keras
import numpy as np

from elite_tf.networks import to_keras
from elite_tf.networks.ancestors import Start
from elite_tf.networks.ancestors.give import give_weights
from elite_tf.networks.families import get_family
from elite_tf.networks.keras_layers import MakeLayer, make_layer
from elite_tf.system import backend
from elite_tf.types import Candidate

_INITIALIZERS = ("kernel_initializer", "depthwise_initializer")

# Standard deviation of a standard normal distribution truncated at -2 and 2.
_CUT_DEVIATION = 0.87962566103423978


def build_network(
  candidate: Candidate,
  make: MakeLayer = make_layer,
  seed: int = 0,
  start: Start | None = None,
) -> keras.Model:
  """Returns a candidate's network with its first weights.

  Args:
    candidate: The candidate.
    make: Layer -> Keras layer. Not used for a custom family, which builds its
      Keras layers itself.
    seed: Decides the random weights, for one backend.
    start: Trained network of which the candidate inherits a part; None: all
      weights are random.

  Raises:
    ConfigError: The file of the trained network is damaged.
  """
  model = _draw_network(candidate, make, seed)
  if start is None:
    return model
  layers = get_family(candidate.family).layers(candidate)
  return give_weights(model, layers, start)


def _draw_network(
  candidate: Candidate, make: MakeLayer, seed: int
) -> keras.Model:
  keras.utils.set_random_seed(seed)
  if not backend.current().draws_slowly:
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
