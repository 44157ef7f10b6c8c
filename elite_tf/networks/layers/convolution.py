"""Convolutions: over all channels, and depthwise."""

from collections.abc import Mapping
from typing import Any

from elite_tf.networks.layers.base import (
  ByKernel,
  LayerKind,
  OperatorGraph,
  Tensor,
  require,
)
from elite_tf.types import Cost, Layer

# He's variance over the fan out: EfficientNet's initialisation.
INITIALIZER = {
  "class_name": "VarianceScaling",
  "config": {
    "scale": 2.0,
    "mode": "fan_out",
    "distribution": "truncated_normal",
  },
}


def _to_keras(layer: Layer):
  import keras

  return keras.layers.Conv2D(
    layer.shape[-1],
    layer.kernel,
    strides=layer.stride,
    padding="same",
    use_bias=layer.bias,
    kernel_initializer=INITIALIZER,
    name=layer.name,
  )


def _depthwise_to_keras(layer: Layer):
  import keras

  return keras.layers.DepthwiseConv2D(
    layer.kernel,
    strides=layer.stride,
    padding="same",
    use_bias=layer.bias,
    depthwise_initializer=INITIALIZER,
    name=layer.name,
  )


def _from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
  kernel, strides = config["kernel_size"], config["strides"]
  require(config["padding"] == "same", "padded by 'same'")
  require(config["activation"] == "linear", "without an activation")
  require(len({*kernel}) == len({*strides}) == 1, "square")
  require({*config["dilation_rate"]} == {1}, "without dilation")
  require(config.get("groups", 1) == 1, "of one group")
  require(config.get("depth_multiplier", 1) == 1, "of multiplier 1")
  return {
    "kernel": kernel[0],
    "stride": strides[0],
    "bias": config["use_bias"],
  }


def _cost(layer: Layer, weights: int) -> Cost:
  height, width, channels = layer.shape
  return Cost(
    weights + (channels if layer.bias else 0), weights * height * width
  )


def _conv_cost(layer: Layer, channels_in: int) -> Cost:
  return _cost(layer, layer.kernel**2 * channels_in * layer.shape[-1])


def _depthwise_cost(layer: Layer, channels_in: int) -> Cost:
  return _cost(layer, layer.kernel**2 * channels_in)


def _work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
  macs = _conv_cost(layer, shape_in[-1]).macs
  return (
    ByKernel(conv_1x1=macs) if layer.kernel == 1 else ByKernel(conv_kxk=macs)
  )


def _depthwise_work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
  return ByKernel(depthwise=_depthwise_cost(layer, shape_in[-1]).macs)


def _lower(graph: OperatorGraph, layer: Layer) -> Tensor:
  (source,) = graph.inputs(layer)
  kernel = (layer.shape[-1], layer.kernel, layer.kernel, source.shape[-1])
  return graph.convolve("CONV_2D", source, kernel, layer.shape)


def _lower_depthwise(graph: OperatorGraph, layer: Layer) -> Tensor:
  (source,) = graph.inputs(layer)
  kernel = (1, layer.kernel, layer.kernel, layer.shape[-1])
  return graph.convolve(
    "DEPTHWISE_CONV_2D", source, kernel, layer.shape, axis=3
  )


CONV = LayerKind(
  "conv",
  keras_class="Conv2D",
  to_keras=_to_keras,
  cost=_conv_cost,
  from_keras=_from_keras,
  lower=_lower,
  work=_work,
  kernel="kernel",
  output_weights=("kernel", "bias"),
  folds_batch_norm=True,
)

DEPTHWISE = LayerKind(
  "depthwise",
  keras_class="DepthwiseConv2D",
  to_keras=_depthwise_to_keras,
  cost=_depthwise_cost,
  from_keras=_from_keras,
  lower=_lower_depthwise,
  work=_depthwise_work,
  kernel="kernel",
  kernel_channels=-2,  # (height, width, channels, 1)
  output_weights=("kernel", "bias"),
  folds_batch_norm=True,
)
