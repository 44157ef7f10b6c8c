"""The kinds of layers that networks are made of.

A new kind is one file here with a `LayerKind`, and one line in `LAYER_KINDS`.
One that becomes an operator of TensorFlow Lite that no other kind becomes
needs that operator's entry in `elite_tf.hardware.memory.operators` as well.
"""

from elite_tf.networks.layers import (
  activation,
  batch_norm,
  convolution,
  dense,
  dropout,
  image,
  mean,
  merge,
)
from elite_tf.networks.layers.base import LayerKind
from elite_tf.types import Layer

LAYER_KINDS: dict[str, LayerKind] = {
  kind.name: kind
  for kind in (
    image.KIND,
    convolution.CONV,
    convolution.DEPTHWISE,
    dense.KIND,
    batch_norm.KIND,
    *activation.KINDS,
    activation.ANY,
    mean.KIND,
    dropout.DROPOUT,
    dropout.STOCHASTIC_DEPTH,
    merge.MULTIPLY,
    merge.ADD,
    merge.CONCATENATE,
  )
}


def kind_of(layer: Layer) -> LayerKind:
  """Returns the kind of a layer; of an activation that of its function.

  A function that no kind has is taken as any activation of Keras.
  """
  if layer.op == "activation":
    return LAYER_KINDS.get(layer.function, activation.ANY)
  return LAYER_KINDS[layer.op]
