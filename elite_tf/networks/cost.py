"""Parameters and multiply-accumulates of a network (rules of paper Table 5).

Multiply-accumulates are those of convolutions and dense layers only: no bias,
batch norm, activation, pooling or elementwise product. So counted, the figures
are those of Table 5, to the printed digit.
"""

import math
from collections.abc import Iterable, Sequence

from elite_tf.networks.layers import kind_of
from elite_tf.types import Cost, Layer, Size


def layer_cost(layer: Layer, channels_in: int) -> Cost:
  """Returns the cost of one layer given `channels_in` channels or features."""
  return kind_of(layer).cost(layer, channels_in)


def network_cost(layers: Iterable[Layer]) -> Cost:
  """Returns the cost of a network, by arithmetic alone."""
  channels: dict[str, int] = {}
  params = macs = 0
  for layer in layers:
    channels_in = channels[layer.inputs[0]] if layer.inputs else 0
    cost = layer_cost(layer, channels_in)
    params += cost.params
    macs += cost.macs
    channels[layer.name] = layer.shape[-1]
  return Cost(params, macs)


def network_size(layers: Sequence[Layer]) -> Size:
  """Returns how large a network is in training."""
  return Size(len(layers), sum(math.prod(layer.shape) for layer in layers))
