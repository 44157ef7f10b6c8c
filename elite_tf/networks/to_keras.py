"""Candidate -> keras.Model."""

import keras

from elite_tf.networks.families import get_family
from elite_tf.networks.keras_layers import MakeLayer, make_layer
from elite_tf.types import Candidate


def build(candidate: Candidate, make: MakeLayer = make_layer) -> keras.Model:
  """Returns the candidate's network with newly drawn weights.

  Input: float32 (batch, resolution, resolution, channels), from -1 to 1 as
  `elite_tf.data.preprocess.scale` gives it. Output: float32 (batch, classes),
  probabilities.

  Args:
    candidate: The network.
    make: Function of a layer -> its Keras layer; a custom family does not use
      it.

  Raises:
    ConfigError: The function of a custom family fails, or returns something
      else than it must.
  """
  return get_family(candidate.family).build(candidate, make)
