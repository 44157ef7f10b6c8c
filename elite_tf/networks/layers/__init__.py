"""The kinds of layers that networks are made of.

To add a kind: one file here with a `LayerKind`, and one line in `LAYER_KINDS`.
If it becomes an operator of TensorFlow Lite that no other kind becomes, that
operator also needs its entry in `elite_tf.hardware.memory.operators`.
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
  """Returns the kind of a layer.

  An activation's kind is that of its function; "activation" stands for the
  functions of Keras that have no kind.

  Raises:
    KeyError: There is no kind of the layer's op.
  """
  if layer.op == "activation":
    return LAYER_KINDS.get(layer.function, activation.ANY)
  return LAYER_KINDS[layer.op]
