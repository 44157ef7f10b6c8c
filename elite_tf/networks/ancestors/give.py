"""A Keras model gets the weights that it inherits."""

from collections.abc import Sequence

import keras

from elite_tf.networks.ancestors import Start, read_start
from elite_tf.networks.ancestors.inherit import inherit
from elite_tf.types import Layer


def give_weights(
  model: keras.Model, layers: Sequence[Layer], start: Start
) -> keras.Model:
  """Puts a part of a trained network's weights into a model; returns it.

  Args:
    model: Built from `layers`, with or without the last of them; has random
      weights, which it keeps where it inherits nothing.
    layers: Of the network.
    start: The trained network.

  Raises:
    ConfigError: The file of the trained network is damaged.
  """
  own = {layer.name: layer for layer in model.layers}
  drawn = {name: layer.get_weights() for name, layer in own.items()}
  for name, arrays in inherit(*read_start(start), layers, drawn).items():
    own[name].set_weights(arrays)
  return model
