"""Layers -> Keras tensors and models, for every family."""

from collections.abc import Callable

import keras

from elite_tf.networks.layers import kind_of
from elite_tf.types import Layer

# A layer -> its Keras layer, with the layer's name.
MakeLayer = Callable[[Layer], keras.layers.Layer]


def make_layer(layer: Layer) -> keras.layers.Layer:
  """Returns the Keras layer of a layer, as its `LayerKind` defines it."""
  return kind_of(layer).to_keras(layer)


def build_layers(
  layers: tuple[Layer, ...],
  image: keras.KerasTensor,
  last: str | None = None,
  make: MakeLayer = make_layer,
) -> keras.KerasTensor:
  """Applies the layers to `image` and returns the output of the last one.

  Args:
    layers: Of a network, the input first.
    image: Tensor of shape (batch, height, width, channels). Height and width
      may differ from the first layer's: no weights depend on them.
    last: Name of the layer to end at; None: the network's last one.
    make: Function of a layer -> its Keras layer.
  """
  outputs = {layers[0].name: image}
  last = last or layers[-1].name
  for layer in layers[1:]:
    inputs = [outputs[name] for name in layer.inputs]
    operation = make(layer)
    outputs[layer.name] = operation(inputs if len(inputs) > 1 else inputs[0])
    if layer.name == last:
      break
  return outputs[last]


def build_model(
  layers: tuple[Layer, ...], name: str, make: MakeLayer = make_layer
) -> keras.Model:
  """Returns the network of these layers with newly drawn weights.

  Args:
    layers: Of the network; the first is the input, the last the output.
    name: Of the model.
    make: Function of a layer -> its Keras layer.
  """
  image = keras.Input(layers[0].shape, name=layers[0].name)
  return keras.Model(image, build_layers(layers, image, make=make), name=name)
