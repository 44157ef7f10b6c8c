"""Parameters and multiply-accumulates of a plan (paper Table 5's rules)."""

import math
from collections.abc import Iterable, Sequence

from elite_tf.types import Cost, Layer, Size


def _area(layer: Layer) -> int:
  height, width, _ = layer.shape
  return height * width


def _conv(layer: Layer, channels_in: int) -> Cost:
  channels_out = layer.shape[-1]
  weights = layer.kernel**2 * channels_in * channels_out
  return Cost(
    weights + (channels_out if layer.bias else 0), weights * _area(layer)
  )


def _depthwise(layer: Layer, channels_in: int) -> Cost:
  weights = layer.kernel**2 * channels_in
  return Cost(
    weights + (channels_in if layer.bias else 0), weights * _area(layer)
  )


def _dense(layer: Layer, channels_in: int) -> Cost:
  channels_out = layer.shape[-1]
  weights = channels_in * channels_out
  return Cost(weights + (channels_out if layer.bias else 0), weights)


def _batch_norm(layer: Layer, channels_in: int) -> Cost:
  # Scale, offset, moving mean and moving variance.
  return Cost(4 * channels_in, 0)


def _free(layer: Layer, channels_in: int) -> Cost:
  return Cost(0, 0)


# Multiply-accumulates count convolutions and dense layers only: no bias, batch
# norm, activation, pooling or elementwise product. So counted, Table 5 comes
# out to the printed digit.
RULES = {
  "input": _free,
  "conv": _conv,
  "depthwise": _depthwise,
  "dense": _dense,
  "batch_norm": _batch_norm,
  "activation": _free,
  "mean": _free,
  "dropout": _free,
  "stochastic_depth": _free,
  "multiply": _free,
  "add": _free,
}


def layer_cost(layer: Layer, channels_in: int) -> Cost:
  """Returns the cost of one layer given `channels_in` channels or features."""
  return RULES[layer.op](layer, channels_in)


def network_cost(layers: Iterable[Layer]) -> Cost:
  """Returns the cost of a whole plan, by arithmetic alone."""
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
  """Returns how large a plan's network is in training."""
  return Size(len(layers), sum(math.prod(layer.shape) for layer in layers))
