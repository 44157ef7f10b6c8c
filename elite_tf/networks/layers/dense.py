"""The dense layer that classifies."""

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

# EfficientNet draws the classifier's weights up to 1/sqrt(classes): 0.03 for
# ImageNet's 1,000. For ten classes that would be 0.3: the first steps would do
# little else than correct such logits, and units of ReLU6 would die of it.
FEWEST_CLASSES = 1000


def initializer(classes: int) -> dict:
  """Returns Keras's description of the classifier's first weights.

  Uniform up to 1/sqrt(classes), as EfficientNet's; with fewer classes than
  ImageNet has, up to 1/sqrt(1000).
  """
  return {
    "class_name": "VarianceScaling",
    "config": {
      "scale": min(1, classes / FEWEST_CLASSES) / 3,
      "mode": "fan_out",
      "distribution": "uniform",
    },
  }


def _to_keras(layer: Layer):
  import keras

  classes = layer.shape[-1]
  return keras.layers.Dense(
    classes,
    use_bias=layer.bias,
    kernel_initializer=initializer(classes),
    name=layer.name,
  )


def _from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
  require(config["activation"] == "linear", "without an activation")
  return {"bias": config["use_bias"]}


def _cost(layer: Layer, features: int) -> Cost:
  units = layer.shape[-1]
  weights = features * units
  return Cost(weights + (units if layer.bias else 0), weights)


def _work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
  return ByKernel(dense=_cost(layer, shape_in[-1]).macs)


def _lower(graph: OperatorGraph, layer: Layer) -> Tensor:
  # A convolution of one pixel between two reshapes.
  (source,) = graph.inputs(layer)
  features, units = source.shape[-1], layer.shape[-1]
  shape = graph.constant("shape", (1, 1, 1, features))
  pixel = graph.operate("RESHAPE", (source, shape), (1, 1, features))
  kernel = (units, 1, 1, features)
  output = graph.convolve("CONV_2D", pixel, kernel, (1, 1, units))
  shape = graph.constant("shape", (1, units))
  return graph.operate("RESHAPE", (output, shape), (1, units))


KIND = LayerKind(
  "dense",
  keras_class="Dense",
  to_keras=_to_keras,
  cost=_cost,
  from_keras=_from_keras,
  lower=_lower,
  work=_work,
  kernel="kernel",
  output_weights=("kernel", "bias"),
  full_precision=True,
)
