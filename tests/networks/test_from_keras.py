"""Layers read back from a Keras model, against the families' own."""

import keras
import pytest

from elite_tf.conversion.tflite.sliced import slice_model
from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras
from elite_tf.networks.families import FAMILIES, get_family
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.layers import LAYER_KINDS
from elite_tf.networks.pool import make_pool


def _candidate(family, activation=""):
  return make_pool(
    family, classes=10, channels=1, base_resolution=32, activation=activation
  )[-1]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("activation", ["", *ACTIVATIONS])
def test_the_layers_are_those_of_the_family(family, activation):
  candidate = _candidate(family, activation)
  layers = get_family(family).layers(candidate)
  assert read_layers(to_keras.build(candidate)) == layers


def test_a_sliced_network_is_read_too():
  candidate = make_pool("elite", 10, 3, 96)[-1]
  whole = get_family("elite").layers(candidate)
  layers = read_layers(slice_model(to_keras.build(candidate), whole))
  assert sum(layer.op == "concatenate" for layer in layers) > 0
  assert len({layer.name for layer in layers}) == len(layers)


# A layer of every class that no family has in this form, and the reason.
FOREIGN = {
  "Conv2D": (lambda x: keras.layers.Conv2D(4, 3)(x), "padded"),
  "DepthwiseConv2D": (
    lambda x: keras.layers.DepthwiseConv2D(
      3, padding="same", depth_multiplier=2
    )(x),
    "multiplier 1",
  ),
  "Dense": (lambda x: keras.layers.Dense(2, "relu")(x), "activation"),
  "BatchNormalization": (
    lambda x: keras.layers.BatchNormalization(scale=False)(x),
    "gamma",
  ),
  "Activation": (lambda x: keras.layers.Activation("gelu")(x), "swish"),
  "Concatenate": (
    lambda x: keras.layers.Concatenate(axis=1)([x, x]),
    "along the channels",
  ),
  "MaxPooling2D": (lambda x: keras.layers.MaxPooling2D()(x), "one of"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_layer_of_another_architecture_is_named(kind):
  build, reason = FOREIGN[kind]
  image = keras.Input((8, 8, 3))
  network = keras.Model(image, build(image), name="mine")
  with pytest.raises(ConfigError) as caught:
    read_layers(network)
  line = str(caught.value)
  assert network.layers[-1].name in line and kind in line and reason in line
  assert "\n" not in line


@pytest.mark.parametrize("name", LAYER_KINDS)
def test_every_class_that_is_read_is_one_of_keras(name):
  kind = getattr(keras.layers, LAYER_KINDS[name].keras_class)
  assert issubclass(kind, keras.layers.Layer)
