"""The input of a network."""

from elite_tf.networks.layers.base import LayerKind
from elite_tf.types import Layer


def _to_keras(layer: Layer):
  import keras

  return keras.layers.InputLayer(layer.shape, name=layer.name)


KIND = LayerKind("input", keras_class="InputLayer", to_keras=_to_keras)
