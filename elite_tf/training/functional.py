"""A Keras model as a pure function of flat vectors.

Weights, statistics, optimizer slots and averages are one vector each. An update
is then a dozen operations on long vectors, not a dozen per variable, which makes
tracing and running faster. Evaluating the averaged weights needs no copying into
the model and back.
"""

import keras
import numpy as np
from keras import ops

from elite_tf.errors import CandidateFailed
from elite_tf.networks.keras_cost import every_layer

# Multiples of this odd number, 2^32 over the golden ratio, lie far apart: layers
# of networks with different seeds have different keys.
_SPREAD = 0x9E3779B1


class FunctionalModel:
  """A model as a pure function; only `set_weights` changes its variables.

  Attributes:
    model: The Keras model.
    weights: The trainable variables.
    statistics: The moving statistics (batch norm).
    seeds: The states of the random generators (dropout).
    constants: Other states that are not float, such as the number of images
      that a normalization was adapted to. Training leaves them as they are.
  """

  def __init__(self, model: keras.Model, seed: int = 0):
    """Takes a model's variables.

    Args:
      model: The model.
      seed: Decides the draws of dropout and stochastic depth, with the step.
    """
    self.model = model
    self._seed = seed
    self.weights = list(model.trainable_variables)
    states = model.non_trainable_variables
    generators = {
      id(generator.state)
      for layer in every_layer(model)
      for generator in layer._seed_generators
    }
    self.statistics, self.seeds, self.constants = [], [], []
    for variable in states:
      if keras.backend.is_float_dtype(variable.dtype):
        self.statistics.append(variable)
      elif id(variable) in generators:
        self.seeds.append(variable)
      else:
        self.constants.append(variable)
    # As arrays, which every trace can have as tensors of its own.
    self._fixed = {id(v): ops.convert_to_numpy(v) for v in self.constants}
    # By identity: layers of two nested models may have the same path.
    self._order = [id(v) for v in states]

  def apply(self, weights, statistics, images, step=None):
    """Runs the network.

    Args:
      weights: float32, (number of trainable parameters,).
      statistics: float32, (number of moving statistics,).
      images: float32, (batch, height, width, channels).
      step: uint32 scalar, number of the training step, which decides the random
        draws; None runs the network in inference mode.

    Returns:
      (probabilities, statistics): float32, (batch, classes), and the statistics
      after the run: in training, with `BatchStatistics`, those of the batch.

    Raises:
      CandidateFailed: A layer changes a state that is not float.
    """
    values = {
      id(variable): value
      for variable, value in zip(
        self.statistics, split(statistics, self.statistics)
      )
    }
    values |= {n: ops.convert_to_tensor(v) for n, v in self._fixed.items()}
    for number, variable in enumerate(self.seeds):
      # Every dropout layer has other draws in every step.
      key = ops.cast((number + _SPREAD * self._seed) % 2**32, "uint32")
      values[id(variable)] = ops.stack([key, 0 * key if step is None else step])
    probabilities, updated = self.model.stateless_call(
      split(weights, self.weights),
      [values[key] for key in self._order],
      images,
      training=step is not None,
    )
    updated = dict(zip(self._order, updated))
    for variable in self.constants:
      if updated[id(variable)] is not values[id(variable)]:
        raise CandidateFailed(
          "a network must not change integers as it is trained."
          f" Received: {variable.path}"
        )
    return probabilities, join([updated[id(v)] for v in self.statistics])

  def decayed(self) -> np.ndarray:
    """Returns, per weight, 1.0 if weight decay applies and 0.0 for batch norm.

    Returns:
      float32, (number of trainable parameters,).
    """
    normalized = {
      id(variable)
      for layer in every_layer(self.model)
      if isinstance(layer, keras.layers.BatchNormalization)
      for variable in layer.trainable_variables
    }
    return np.concatenate(
      [
        np.full(np.prod(v.shape), float(id(v) not in normalized), np.float32)
        for v in self.weights
      ]
    )

  def set_weights(self, weights, statistics) -> keras.Model:
    """Copies flat vectors into the model's variables; returns the model."""
    for variables, flat in (
      (self.weights, weights),
      (self.statistics, statistics),
    ):
      start = 0
      for variable in variables:
        stop = start + int(np.prod(variable.shape))
        variable.assign(np.reshape(flat[start:stop], variable.shape))
        start = stop
    return self.model


def split(flat, variables) -> list:
  """Splits a flat vector into tensors with the shapes of the variables."""
  ends = np.cumsum([int(np.prod(v.shape)) for v in variables])
  cuts = [int(end) for end in ends[:-1]]
  parts = ops.split(flat, cuts) if cuts else [flat]
  return [ops.reshape(part, v.shape) for part, v in zip(parts, variables)]


def join(values) -> object:
  """Joins tensors or variables into one flat vector."""
  if not values:
    return ops.zeros((0,))
  return ops.concatenate([ops.reshape(value, (-1,)) for value in values])
